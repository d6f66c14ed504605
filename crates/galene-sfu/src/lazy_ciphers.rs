//! Ciphers of the engine that come into being when they are first used.
//!
//! The engine makes eight of them with each handshake, four for each direction, and most are never used:
//! a subscriber's media and reports are sealed and opened beside the engine, and a publisher sends what the
//! engine only receives. A prepared key of AES-GCM takes 600 bytes, one that waits takes 60.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, CryptoError, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

/// Makes ciphers as the stock provider does, as late as can be.
#[derive(Debug)]
pub(crate) struct LazyCiphers;

fn stock() -> &'static dyn SrtpProvider {
    str0m_aws_lc_rs::default_provider().srtp_provider
}

impl SrtpProvider for LazyCiphers {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        // These keep nothing but their key as they are.
        stock().aes_128_cm_sha1_80()
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &LazyCiphers
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &LazyCiphers
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        encrypt_block::<Aes128>(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        encrypt_block::<Aes256>(key, input, output);
    }
}

/// Encrypts the 16 bytes of `input`. A handshake needs two dozen of such blocks, each for one key or a part of
/// one, and for each the stock provider makes a cipher, which takes fifty times as long as its use.
fn encrypt_block<C: KeyInit + BlockCipherEncrypt>(key: &[u8], input: &[u8], output: &mut [u8]) {
    let cipher = C::new_from_slice(key).expect("the engine gives keys of the profile's length");
    let mut block = aes::cipher::Block::<C>::try_from(input).expect("a block has 16 bytes");
    cipher.encrypt_block(&mut block);
    output[..block.len()].copy_from_slice(&block);
}

impl SupportedAeadAes128Gcm for LazyCiphers {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Lazy::<16, dyn AeadAes128GcmCipher>::new(key, encrypt))
    }
}

impl SupportedAeadAes256Gcm for LazyCiphers {
    fn create_cipher(&self, key: [u8; 32], encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Lazy::<32, dyn AeadAes256GcmCipher>::new(key, encrypt))
    }
}

/// A cipher that the stock provider makes from a key of so many bytes.
trait Stock<const KEY: usize> {
    fn make(key: [u8; KEY], encrypt: bool) -> Box<Self>;
}

impl Stock<16> for dyn AeadAes128GcmCipher {
    fn make(key: [u8; 16], encrypt: bool) -> Box<Self> {
        stock().aead_aes_128_gcm().create_cipher(key, encrypt)
    }
}

impl Stock<32> for dyn AeadAes256GcmCipher {
    fn make(key: [u8; 32], encrypt: bool) -> Box<Self> {
        stock().aead_aes_256_gcm().create_cipher(key, encrypt)
    }
}

struct Lazy<const KEY: usize, C: ?Sized> {
    key: [u8; KEY],
    encrypt: bool,
    made: Option<Box<C>>,
}

impl<const KEY: usize, C: Stock<KEY> + ?Sized> Lazy<KEY, C> {
    fn new(key: [u8; KEY], encrypt: bool) -> Self {
        Self { key, encrypt, made: None }
    }

    fn get(&mut self) -> &mut C {
        self.made.get_or_insert_with(|| C::make(self.key, self.encrypt))
    }
}

impl<const KEY: usize, C: ?Sized> std::fmt::Debug for Lazy<KEY, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lazy")
    }
}

impl AeadAes128GcmCipher for Lazy<16, dyn AeadAes128GcmCipher> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.get().encrypt(iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.get().decrypt(iv, aads, input, output)
    }
}

impl AeadAes256GcmCipher for Lazy<32, dyn AeadAes256GcmCipher> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.get().encrypt(iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.get().decrypt(iv, aads, input, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_encrypted_as_the_stock_provider_does() {
        for at in 0..=255 {
            let (key, input) = ([at; 32], [at ^ 0x5a; 16]);
            let (mut ours, mut theirs) = ([0; 32], [0; 32]);
            LazyCiphers.srtp_aes_128_ecb_round(&key[..16], &input, &mut ours);
            stock().srtp_aes_128_ecb_round(&key[..16], &input, &mut theirs);
            assert_eq!(ours, theirs);
            LazyCiphers.srtp_aes_256_ecb_round(&key, &input, &mut ours);
            stock().srtp_aes_256_ecb_round(&key, &input, &mut theirs);
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn a_lazy_cipher_does_what_the_stock_one_does() {
        let (iv, aad, text) = ([7; 12], [5; 12], b"what is said");
        let mut sealed = [0; 28];
        let mut opened = [0; 12];

        let stock_128 = || stock().aead_aes_128_gcm();
        let mut lazy = LazyCiphers.aead_aes_128_gcm().create_cipher([1; 16], true);
        lazy.encrypt(&iv, &aad, text, &mut sealed).expect("there is room");
        let mut expected = [0; 28];
        let mut cipher = stock_128().create_cipher([1; 16], true);
        cipher.encrypt(&iv, &aad, text, &mut expected).expect("there is room");
        assert_eq!(sealed, expected);
        let mut lazy = LazyCiphers.aead_aes_128_gcm().create_cipher([1; 16], false);
        for _ in 0..2 {
            assert_eq!(lazy.decrypt(&iv, &[&aad], &sealed, &mut opened).ok(), Some(12));
            assert_eq!(&opened, text);
        }
        sealed[0] ^= 1;
        assert!(lazy.decrypt(&iv, &[&aad], &sealed, &mut opened).is_err());

        let stock_256 = || stock().aead_aes_256_gcm();
        let mut lazy = LazyCiphers.aead_aes_256_gcm().create_cipher([1; 32], true);
        lazy.encrypt(&iv, &aad, text, &mut sealed).expect("there is room");
        let mut cipher = stock_256().create_cipher([1; 32], false);
        assert_eq!(cipher.decrypt(&iv, &[&aad], &sealed, &mut opened).ok(), Some(12));
        assert_eq!(&opened, text);
        let mut lazy = LazyCiphers.aead_aes_256_gcm().create_cipher([2; 32], false);
        assert!(lazy.decrypt(&iv, &[&aad], &sealed, &mut opened).is_err());
    }
}

//! Dependency descriptors of a member, one after the other, each with its length in front.
#![no_main]

use galene_rtp::DependencyDescriptor;

libfuzzer_sys::fuzz_target!(|values: &[u8]| {
    let (mut rest, mut structure) = (values, None);
    while let Some((&len, after)) = rest.split_first() {
        let (value, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        let Ok(descriptor) = DependencyDescriptor::parse(value, structure.as_deref()) else {
            continue;
        };
        assert_eq!(descriptor.switches & !descriptor.present, 0);
        structure = descriptor.structure.or(structure);
        let structure = structure.as_ref().expect("without one nothing is read");
        assert!((1..=32).contains(&structure.targets()));
        assert!(descriptor.present.checked_shr(structure.targets().into()).unwrap_or(0) == 0);
    }
});

//! What is printed when the server is ready.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use galene_protocol::GroupName;

use crate::first_start;

/// The most addresses and the most groups that are listed.
const MAX_LISTED: usize = 6;

/// What there is to say.
#[derive(Debug)]
pub(crate) struct Banner<'a> {
    /// Where HTTP is served, or the socket in the file system.
    pub(crate) address: Result<SocketAddr, &'a Path>,
    /// Whether it is served without TLS.
    pub(crate) insecure: bool,
    /// The addresses of this host that others can reach.
    pub(crate) host: Vec<IpAddr>,
    /// The file of a certificate that the server made itself, if that is in use.
    pub(crate) self_made: Option<&'a Path>,
    /// The groups that have files.
    pub(crate) groups: &'a [GroupName],
    /// Where those files are.
    pub(crate) directory: &'a Path,
    /// The password of the operator of the group that was made just now.
    pub(crate) password: Option<&'a str>,
}

impl Banner<'_> {
    /// Writes it down.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a string takes everything");
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let bases = self.bases();
        if let Some(file) = self.self_made {
            writeln!(
                text,
                "Browsers warn about the certificate, which this server made for itself ({}).",
                file.display()
            )?;
        }
        if self.insecure && bases.len() > 1 {
            writeln!(
                text,
                "Without TLS, browsers give camera and microphone to pages from localhost alone."
            )?;
        }
        match self.address {
            Ok(_) => writeln!(text, "\nOpen in a browser:")?,
            Err(socket) => writeln!(
                text,
                "\nA proxy can connect to {}; open through it in a browser:",
                socket.display()
            )?,
        }
        match self.groups {
            [] => {}
            [group] => {
                for base in &bases {
                    writeln!(text, "  {base}/group/{}/", escape(group))?;
                }
            }
            groups => {
                for base in &bases {
                    writeln!(text, "  {base}/")?;
                }
                writeln!(text, "Groups:")?;
                for group in groups.iter().take(MAX_LISTED) {
                    writeln!(text, "  {}/group/{}/", bases[0], escape(group))?;
                }
                if groups.len() > MAX_LISTED {
                    writeln!(text, "  and {} more", groups.len() - MAX_LISTED)?;
                }
            }
        }
        let directory = self.directory.display();
        match (self.groups, self.password) {
            ([], _) => {
                for base in &bases {
                    writeln!(text, "  {base}/")?;
                }
                writeln!(text, "There is no group yet: define one in {directory}/NAME.json.")
            }
            (_, Some(password)) => {
                let (operator, group) = (first_start::OPERATOR, first_start::GROUP);
                writeln!(
                    text,
                    "To run the meeting, log in as {operator} with the password {password}"
                )?;
                writeln!(text, "(it is kept in {directory}/{group}.json).")?;
                writeln!(
                    text,
                    "Anybody else joins under a name of their choice, without a password."
                )
            }
            (_, None) => writeln!(text, "Names and passwords are in {directory}/."),
        }
    }

    /// Where the server can be reached, the best first.
    fn bases(&self) -> Vec<String> {
        let scheme = if self.insecure { "http" } else { "https" };
        let Ok(address) = self.address else { return vec![String::new()] };
        let port = address.port();
        let port = match (self.insecure, port) {
            (true, 80) | (false, 443) => String::new(),
            _ => format!(":{port}"),
        };
        let ip = address.ip();
        if ip.is_unspecified() {
            let mut hosts = vec!["localhost".to_owned()];
            hosts.extend(self.host.iter().take(MAX_LISTED).map(|ip| in_url(*ip)));
            hosts.iter().map(|host| format!("{scheme}://{host}{port}")).collect()
        } else {
            vec![format!("{scheme}://{}{port}", in_url(ip))]
        }
    }
}

fn in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// Escapes what would end an URL in a terminal; browsers escape the rest themselves.
fn escape(group: &GroupName) -> String {
    group.as_str().replace('%', "%25").replace(' ', "%20").replace('?', "%3F").replace('#', "%23")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> Vec<GroupName> {
        names.iter().map(|name| GroupName::parse(name).expect("a valid name")).collect()
    }

    fn banner<'a>(address: &str, groups: &'a [GroupName]) -> Banner<'a> {
        Banner {
            address: Ok(address.parse().expect("an address")),
            insecure: false,
            host: vec![IpAddr::from([192, 0, 2, 1]), "2001:db8::1".parse().expect("an address")],
            self_made: None,
            groups,
            directory: Path::new("groups"),
            password: None,
        }
    }

    #[test]
    fn the_first_start_ends_with_where_to_go_and_how_to_log_in() {
        let groups = groups(&["meeting"]);
        let banner = Banner { password: Some("s3cret"), ..banner("[::]:8443", &groups) };
        assert_eq!(
            banner.text(),
            "\nOpen in a browser:\n  https://localhost:8443/group/meeting/\n  \
             https://192.0.2.1:8443/group/meeting/\n  https://[2001:db8::1]:8443/group/meeting/\n\
             To run the meeting, log in as op with the password s3cret\n\
             (it is kept in groups/meeting.json).\n\
             Anybody else joins under a name of their choice, without a password.\n"
        );
    }

    #[test]
    fn a_socket_in_the_file_system_is_for_a_proxy() {
        let groups = groups(&["a"]);
        let address = Err(Path::new("/run/galene.sock"));
        let text = Banner { address, ..banner("[::]:8443", &groups) }.text();
        let expected = "\nA proxy can connect to /run/galene.sock; open through it in a browser:\n  \
                        /group/a/\nNames and passwords are in groups/.\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn later_starts_list_the_groups_and_say_where_the_passwords_are() {
        let groups = groups(&["a", "b c"]);
        let text = banner("127.0.0.1:443", &groups).text();
        assert!(
            text.contains("  https://127.0.0.1/\nGroups:\n  https://127.0.0.1/group/a/\n"),
            "{text}"
        );
        assert!(text.contains("/group/b%20c/\n"), "{text}");
        assert!(text.ends_with("Names and passwords are in groups/.\n"), "{text}");
    }

    #[test]
    fn a_server_without_groups_says_how_to_get_one() {
        let text = banner("127.0.0.1:443", &[]).text();
        assert!(text.contains("groups/NAME.json"), "{text}");
    }
}

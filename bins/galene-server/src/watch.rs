//! Looks at the files that are in use again and again, and passes on what changed.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use galene_conference::Site;
use galene_group::{GroupLookup, LookupError};
use galene_http::{ControlHandle, SiteSettings};
use galene_protocol::GroupName;
use galene_store::{ConfigFile, GroupFiles, Roles, TokenFile, Watcher};
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;

use crate::ice_servers::IceServersFile;
use crate::site;

/// How often files are looked at although nothing was heard of a change: some file systems, mostly remote
/// ones, tell nothing.
const INTERVAL: Duration = Duration::from_secs(10);

/// How often tokens that ended long ago are removed; Galène's own number.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// Removes tokens that ended long ago, again and again.
pub(crate) async fn expire(tokens: Arc<TokenFile>) {
    let mut interval = tokio::time::interval(EXPIRY_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let tokens = Arc::clone(&tokens);
        let expired = tokio::task::spawn_blocking(move || tokens.expire(SystemTime::now())).await;
        match expired {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::info!(count, "tokens that ended long ago were removed"),
            Ok(Err(error)) => {
                let error = &error as &dyn Error;
                tracing::warn!(error, "tokens that ended long ago cannot be removed");
            }
            Err(error) => tracing::error!(%error, "removing tokens failed"),
        }
    }
}

/// Watches the definitions of groups that are in memory, the site's configuration and the list of ICE
/// servers.
pub(crate) async fn watch(
    files: Arc<GroupFiles>,
    control: ControlHandle,
    mut config: ConfigFile,
    mut ice_servers: IceServersFile,
    settings: watch::Sender<Arc<SiteSettings>>,
) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let changed = Arc::new(Notify::new());
    let watched = vec![config.path().to_owned(), ice_servers.path().to_owned()];
    let wake = Arc::clone(&changed);
    // A change may concern groups below, which have no file of their own: all in use are looked up.
    let _watcher = Watcher::start(Arc::clone(&files), watched, move |_| wake.notify_one())
        .inspect_err(|error| tracing::warn!(%error, "changes of files are noticed late"));
    let mut known: BTreeMap<GroupName, GroupLookup> = BTreeMap::new();
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = changed.notified() => {}
        }
        match read_if_changed(&mut config) {
            Ok(Some((changed, of_groups, roles))) => {
                files.set_roles(Arc::new(roles));
                control.set_site(of_groups).await;
                settings.send_replace(Arc::new(changed));
                tracing::info!("the configuration was read again");
            }
            Ok(None) => {}
            Err(error) => tracing::error!(
                error,
                "the configuration cannot be used; the last good one stays in force"
            ),
        }
        if let Some(changed) = ice_servers.poll(SystemTime::now()) {
            control.set_rtc_configuration(changed).await;
        }
        let in_use = control.groups().await;
        known.retain(|name, _| in_use.contains(name));
        for name in in_use {
            match look_up(&files, &name).await {
                Ok(lookup) if known.get(&name) != Some(&lookup) => {
                    known.insert(name, lookup.clone());
                    control.group_changed(lookup).await;
                }
                Err(LookupError::NotFound) => {
                    known.remove(&name);
                    control.group_removed(name).await;
                }
                // Nothing new, or nothing that could be used instead.
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// What the web, the groups and the readers of group files are told of the configuration.
type Changed = (SiteSettings, Site, Roles);

fn read_if_changed(
    config: &mut ConfigFile,
) -> Result<Option<Changed>, Box<dyn Error + Send + Sync>> {
    let Some(changed) = config.read_if_changed()? else { return Ok(None) };
    Ok(Some((site::settings(&changed)?, site::of_groups(&changed), changed.roles)))
}

async fn look_up(files: &Arc<GroupFiles>, name: &GroupName) -> Result<GroupLookup, LookupError> {
    let (files, name) = (Arc::clone(files), name.clone());
    let looked_up = tokio::task::spawn_blocking(move || files.lookup(&name)).await;
    looked_up.unwrap_or_else(|error| Err(LookupError::Unavailable { reason: error.to_string() }))
}

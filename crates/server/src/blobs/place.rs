//! Where blobs are: a folder, or a bucket. Both know files by the same names, so that they can be copied from one place to
//! another.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Location;
use object_store::{ClientConfigKey, ObjectStoreExt as _, RetryConfig};

use super::Error;
use crate::config::Config;

/// Longest time of all tries of a request to a bucket. It is shorter than the limit of a request to the server.
const S3_PATIENCE: Duration = Duration::from_secs(20);
const S3_RETRIES: usize = 3;
/// Longest time of one try.
const S3_TIMEOUT: &str = "10 seconds";
/// Extension of a file that is being written.
const UNFINISHED: &str = "new";

/// A place for files.
#[derive(Clone)]
pub(super) enum Place {
    /// A folder, with sub-folders.
    Folder(PathBuf),
    /// A bucket of a service that speaks S3.
    S3 {
        bucket: Arc<AmazonS3>,
        /// The prefix of all names in the bucket.
        prefix: Location,
        /// The folder that may still hold files from the time before the bucket.
        folder: PathBuf,
    },
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(root) => write!(f, "Folder({})", root.display()),
            // The bucket has credentials.
            Self::S3 { prefix, .. } => write!(f, "S3(/{prefix})"),
        }
    }
}

impl Place {
    /// The place that the configuration names. Credentials, region and endpoint of a bucket are read from the environment,
    /// from the variables that all programs for S3 know.
    pub(super) fn open(config: &Config) -> anyhow::Result<Self> {
        let folder = config.data.blobs_dir();
        let Some(url) = &config.images.blobs_url else { return Ok(Self::Folder(folder)) };
        let (name, prefix) = bucket_and_prefix(url)
            .with_context(|| format!("--blobs-url {url} is not a bucket: give s3://BUCKET or s3://BUCKET/PREFIX"))?;
        let retry = RetryConfig { max_retries: S3_RETRIES, retry_timeout: S3_PATIENCE, ..RetryConfig::default() };
        let bucket = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), S3_TIMEOUT)
            .with_retry(retry)
            .build()
            .context("cannot use the bucket of --blobs-url: see the AWS_ variables in docs/configuration.md")?;
        Ok(Self::S3 { bucket: Arc::new(bucket), prefix, folder })
    }

    /// Stores a file, which lasts when this returns.
    pub(super) async fn put(&self, name: &str, content: Bytes) -> Result<(), Error> {
        match self {
            Self::Folder(root) => {
                let path = root.join(name);
                let written = tokio::task::spawn_blocking(move || write(&path, &content)).await;
                written.context("writing panicked")?.context("cannot keep an image")?;
            }
            Self::S3 { bucket, prefix, .. } => {
                bucket.put(&location(prefix, name), content.into()).await.map_err(not_kept)?;
            }
        }
        Ok(())
    }

    /// The file of this name; none if it does not exist.
    pub(super) async fn get(&self, name: &str) -> anyhow::Result<Option<Bytes>> {
        if let Self::S3 { bucket, prefix, .. } = self {
            let context = "cannot read a kept image from the bucket";
            match bucket.get(&location(prefix, name)).await {
                Err(object_store::Error::NotFound { .. }) => {}
                found => return Ok(Some(found.context(context)?.bytes().await.context(context)?)),
            }
        }
        match tokio::fs::read(self.folder().join(name)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Ok(Some(read.context("cannot read a kept image")?.into())),
        }
    }

    /// Removes a file. One that does not exist is no error, so that a removal can be repeated.
    pub(super) async fn remove(&self, name: &str) -> anyhow::Result<()> {
        if let Self::S3 { bucket, prefix, .. } = self {
            match bucket.delete(&location(prefix, name)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error).context("cannot remove a kept image from the bucket"),
            }
        }
        let path = self.folder().join(name);
        for path in [path.with_extension(UNFINISHED), path] {
            match tokio::fs::remove_file(path).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).context("cannot remove a kept image");
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) | Self::S3 { folder, .. } => folder,
        }
    }
}

fn bucket_and_prefix(url: &str) -> Option<(&str, Location)> {
    let name = url.strip_prefix("s3://")?;
    let (bucket, prefix) = name.split_once('/').unwrap_or((name, ""));
    Some((bucket, Location::parse(prefix).ok()?)).filter(|(bucket, _)| !bucket.is_empty())
}

fn location(prefix: &Location, name: &str) -> Location {
    name.split('/').fold(prefix.clone(), Location::join)
}

/// Only the operator can mend a bucket that does not exist or refuses the credentials. Other failures pass by themselves.
fn not_kept(error: object_store::Error) -> Error {
    let outage = matches!(error, object_store::Error::Generic { .. });
    let source = anyhow::Error::new(error).context("cannot keep an image in the bucket");
    if outage { Error::Unavailable(source) } else { Error::Internal(source) }
}

/// Writes a file beside its place and moves it there, so that it is whole whenever it is there.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = path.with_extension(UNFINISHED);
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(new, path)?;
    // Its name lasts as well.
    File::open(folder)?.sync_all()
}

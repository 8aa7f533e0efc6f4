//! The images that stages begin with and copy from: found here, pulled where they are not, and of the right platform.

use slipway_images::registry::{ParsePlatformError, Wanted};
use slipway_images::{ImageId, Reference};

use super::Build;
use super::output::{Output, cancelled};
use crate::error::{Error, Result};
use crate::images::pull;
use crate::types::Config;

impl Build {
    /// An image by name and platform, pulled when it is not there or `--pull` asks for it.
    ///
    /// # Errors
    /// Docker's sentences for a name that is none, a failed pull and another platform.
    pub(crate) async fn image(&self, name: &str, platform: &str, output: &Output) -> Result<ImageId> {
        let engine = &self.engine;
        // One of another platform is as good as none: what its name stands for may have the right one.
        let here = || {
            let id = engine.store.resolve(name).ok().filter(|_| !self.options.pull)?;
            self.check_platform(&id, name, platform).is_ok().then_some(id)
        };
        if let Some(id) = here() {
            return Ok(id);
        }
        let reference = Reference::parse(name).map_err(|e| Error::bad(e.to_string()))?.with_default_tag();
        // Stages that begin with the same image pull it once.
        let _one_at_a_time = self.pulling.lock().await;
        if let Some(id) = here() {
            return Ok(id);
        }
        let platform_wanted = match platform {
            "" => None,
            text => Some(text.parse().map_err(|e: ParsePlatformError| Error::bad(e.to_string()))?),
        };
        let credentials = self.options.logins.of(&reference);
        let wanted = Wanted { platform: platform_wanted, credentials, ..Wanted::new(reference) };
        let (progress, mut messages) = tokio::sync::mpsc::unbounded_channel();
        let work = pull::pull(engine, &wanted, progress);
        let tell = async {
            while let Some(message) = messages.recv().await {
                output.progress(&message).await?;
            }
            Ok::<(), Error>(())
        };
        let (pulled, told) = tokio::select! {
            both = async { tokio::join!(work, tell) } => both,
            () = self.cancel.cancelled() => return Err(cancelled()),
        };
        told?;
        let id = pulled?;
        self.check_platform(&id, name, platform)?;
        Ok(id)
    }

    fn check_platform(&self, id: &ImageId, name: &str, platform: &str) -> Result<()> {
        if platform.is_empty() {
            return Ok(());
        }
        let image = self.engine.store.image(id)?;
        let (os, architecture) = platform.split_once('/').unwrap_or(("linux", platform));
        let architecture = architecture.split('/').next().unwrap_or(architecture);
        let known = |text: &str| match text {
            "x86_64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.to_owned(),
        };
        let (has_os, has) = (&image.config.os, &image.config.architecture);
        if os != has_os || (platform.contains('/') && known(architecture) != *has) {
            return Err(Error::not_found(format!(
                "image with reference {name} was found but does not match the specified platform: wanted {platform}, actual: {has_os}/{has}"
            )));
        }
        Ok(())
    }

    /// What an image says of its containers.
    ///
    /// # Errors
    /// When the image is gone.
    pub(crate) fn config_of(&self, id: &ImageId) -> Result<Config> {
        let image = self.engine.store.image(id)?;
        let value = serde_json::to_value(&image.config.config).map_err(Error::internal)?;
        crate::types::from_go_json(value).map_err(Error::internal)
    }
}

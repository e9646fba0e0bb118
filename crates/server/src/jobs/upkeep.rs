//! What the worker does from time to time, without a job: it keeps the vector engine in order.

use std::time::Duration;

use super::Tools;

/// How often.
const EVERY: Duration = Duration::from_mins(1);

/// Never ends.
pub(super) async fn run(tools: Tools) {
    loop {
        if let Err(error) = tools.vectors.maintain().await {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(error, "cannot keep the vector engine in order");
        }
        tokio::time::sleep(EVERY).await;
    }
}

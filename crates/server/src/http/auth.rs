//! Who sent a request, from its `x-api-key` header, and whether the key has the scope of the route and keeps its rate.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use vultus_store::Id;

use super::sandbox;
use crate::app::App;
use crate::auth::keys::{self, Caller, Scope};
use crate::budget::Refusal;
use crate::error::{Error, KeyProblem};
use crate::origin::{Origin, Presence};

const HEADER: &str = "x-api-key";

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let scope = *parts.extensions.get::<Scope>().ok_or_else(|| anyhow::anyhow!("a route without a scope"))?;
        let header = parts.headers.get(HEADER).ok_or(Error::Unauthorized(KeyProblem::Missing))?;
        let text = header.to_str().map_err(|_| Error::Unauthorized(KeyProblem::Unknown))?;
        if text.trim().is_empty() {
            return Err(Error::Unauthorized(KeyProblem::Missing));
        }
        let caller = keys::authenticate(&app.db, &app.keyring, text).await?;
        let span = tracing::Span::current();
        span.record("account", tracing::field::display(caller.account));
        span.record("key", tracing::field::display(caller.key));
        if let Some(limit) = &app.rate_limit {
            limit.admit(caller.key)?;
        }
        if caller.test {
            sandbox::check(parts)?;
        }
        caller.require(scope)?;
        count(app, parts, caller.account)?;
        Ok(caller)
    }
}

/// Counts the request against its account, and puts its [`Origin`] into it.
fn count(app: &App, parts: &mut Parts, account: Id) -> Result<(), Error> {
    let presence = parts.extensions.get::<Presence>().cloned().unwrap_or_default();
    let in_flight = app.requests.take(account, 1).map_err(|refusal| match refusal {
        Refusal::Full => Error::RequestsFull,
        Refusal::Share => Error::AccountBusy { what: "requests" },
    })?;
    presence.count(in_flight);
    parts.extensions.insert(Origin { account, presence });
    Ok(())
}

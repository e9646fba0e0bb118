//! Lets in the requests of a route: by the `x-api-key` header, if the key has the scope of the route and keeps its rate.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use vultus_store::Id;

use super::sandbox;
use super::wire::repeat;
use crate::app::App;
use crate::auth::keys;
use crate::auth::principal::{Principal, Scope};
use crate::budget::Refusal;
use crate::error::{Error as FlowError, KeyProblem};
use crate::http::wire::error::Error;
use crate::origin::{Origin, Presence};

const HEADER: &str = "x-api-key";

/// Puts the [`Principal`] into the request, or refuses it.
pub(super) async fn admit(
    State((app, scope)): State<(Arc<App>, Scope)>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let (mut parts, body) = request.into_parts();
    let mut principal = principal(&app, &parts, scope).await?;
    principal.repeat = repeat::of(&parts.method, &parts.headers, &app)?;
    count(&app, &mut parts, principal.account)?;
    parts.extensions.insert(principal.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    Ok(repeat::keep(&app, &principal, response).await)
}

async fn principal(app: &App, parts: &Parts, scope: Scope) -> Result<Principal, Error> {
    let header = parts.headers.get(HEADER).ok_or(FlowError::Unauthorized(KeyProblem::Missing))?;
    let text = header.to_str().map_err(|_| FlowError::Unauthorized(KeyProblem::Unknown))?;
    if text.trim().is_empty() {
        return Err(FlowError::Unauthorized(KeyProblem::Missing).into());
    }
    let principal = keys::authenticate(&app.db, &app.keyring, text).await?;
    let span = tracing::Span::current();
    span.record("account", tracing::field::display(principal.account));
    span.record("key", tracing::field::display(principal.key));
    if let Some(limit) = &app.rate_limit {
        limit.admit(principal.key)?;
    }
    if principal.test {
        sandbox::check(parts)?;
    }
    principal.require(scope)?;
    Ok(principal)
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let principal = parts.extensions.get::<Self>().cloned();
        principal.ok_or_else(|| anyhow::anyhow!("the handler of an open route asks who sent the request").into())
    }
}

/// Counts the request against its account, and puts its [`Origin`] into it.
fn count(app: &App, parts: &mut Parts, account: Id) -> Result<(), Error> {
    let presence = parts.extensions.get::<Presence>().cloned().unwrap_or_default();
    let in_flight = app.requests.take(account, 1).map_err(|refusal| match refusal {
        Refusal::Full => Error::RequestsFull,
        Refusal::Share => FlowError::AccountBusy { what: "requests" }.into(),
    })?;
    presence.count(in_flight);
    parts.extensions.insert(Origin { account, presence });
    Ok(())
}

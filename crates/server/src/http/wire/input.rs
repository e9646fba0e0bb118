//! What a client sent to an endpoint: its body and its query string, to be read by the endpoint's table.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::Method;

use super::body::Upload;
use super::fields::Fields;
use super::parameters::{Endpoint, Form};
use super::repeat::{self, Refused};
use crate::app::App;
use crate::auth::principal::Principal;
use crate::error::Error as FlowError;
use crate::http::wire::error::Error;

/// Requests longer than this are read off the async threads: the longest ones take 100 ms and more.
const INLINE_BYTES: usize = 64 << 10;

/// A request that has arrived as a whole.
pub(crate) struct Input {
    endpoint: &'static Endpoint,
    upload: Upload,
    query: String,
    /// Whether a body that is not JSON counts as none.
    lenient: bool,
}

impl FromRequest<Arc<App>> for Input {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refused> {
        let endpoint = request.extensions().get::<&'static Endpoint>().copied();
        let endpoint = endpoint.ok_or_else(|| anyhow::anyhow!("a route without a table of parameters"))?;
        let query = request.uri().query().unwrap_or_default().to_owned();
        let lenient = request.method() == Method::GET;
        let limits = &app.config.http;
        let longest = match endpoint.form {
            Form::Json(_) | Form::Change(_) | Form::Picture(_) => limits.max_body_bytes,
            Form::Query => limits.max_query_body_bytes,
        };
        let caller = request.extensions().get::<Principal>().filter(|caller| caller.repeat.is_some()).cloned();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let upload = Upload::receive(request, app, longest).await?;
        if let Some(caller) = caller {
            let body = upload.bytes.clone();
            let hash = move || repeat::fingerprint(&method, &uri, &body);
            let fingerprint = tokio::task::spawn_blocking(hash).await.map_err(|_| FlowError::Panicked)?;
            repeat::check(app, &caller, fingerprint).await?;
        }
        Ok(Self { endpoint, upload, query, lenient })
    }
}

impl Input {
    /// Reads the parameters. The pictures among them carry the memory that they take.
    ///
    /// # Errors
    /// Those of [`Fields::read`] and of `read`.
    pub(crate) async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(&Fields<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Self { endpoint, upload, query, lenient } = self;
        let long = upload.bytes.len() + query.len() > INLINE_BYTES;
        let parse = move || {
            let fields = Fields::read(endpoint, &upload, &query, lenient)?;
            let parameters = read(&fields)?;
            if !fields.is_picture() {
                drop(fields);
                upload.free();
            }
            Ok(parameters)
        };
        if !long {
            return parse();
        }
        tokio::task::spawn_blocking(parse).await.map_err(|_| FlowError::Panicked)?
    }
}

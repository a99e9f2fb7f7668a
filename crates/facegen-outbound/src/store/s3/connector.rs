//! Sends the requests of the S3 client through the guard, which checks each URL
//! and connects to nothing else.

use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::config::{HttpClient, RuntimeComponents};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use http_body_util::{BodyExt as _, Limited};

use crate::guard::{Guard, GuardError, GuardedRequest, GuardedResponse};

/// The most that is read of a response: more than an image or a page of a list
/// of objects, and a bound for one that never ends.
const MAX_ANSWER_BYTES: usize = 4_000_000;

/// Sends the requests of the protocol through a guard.
#[derive(Debug, Clone)]
pub(super) struct Connector(pub(super) Guard);

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let guard = self.0.clone();
        HttpConnectorFuture::new(async move {
            let exchange = exchange(request).await?;
            let reply = guard.exchange(exchange, MAX_ANSWER_BYTES).await;
            response(reply.map_err(connector_error)?)
        })
    }
}

async fn exchange(request: HttpRequest) -> Result<GuardedRequest, ConnectorError> {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(GuardedRequest {
        method: request.method().to_owned(),
        url: request.uri().to_owned(),
        headers: headers.collect(),
        body: request
            .into_body()
            .collect()
            .await
            .map_err(ConnectorError::user)?
            .to_bytes(),
    })
}

fn response(reply: GuardedResponse) -> Result<HttpResponse, ConnectorError> {
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::io(error);
    let status = reply
        .status
        .try_into()
        .map_err(|error| unreadable(Box::new(error)))?;
    // Responses other than objects are read whole, so their bytes are counted here.
    let body = Limited::new(reply.body, MAX_ANSWER_BYTES);
    let mut response = HttpResponse::new(status, SdkBody::from_body_1_x(body));
    for (name, value) in &reply.headers {
        // A header that is not ASCII does not belong to the protocol.
        if let Ok(value) = value.to_str() {
            let (name, value) = (name.as_str().to_owned(), value.to_owned());
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

/// Converts an error; the client does not retry what the guard has refused.
fn connector_error(error: GuardError) -> ConnectorError {
    match error {
        GuardError::Refused(_) | GuardError::RedirectRefused(_) | GuardError::TooLong { .. } => {
            ConnectorError::user(error.into())
        }
        GuardError::TooManyRedirects(_)
        | GuardError::Unreachable(_)
        | GuardError::BrokenOff(_)
        | GuardError::Part
        | GuardError::TimedOut(_)
        | GuardError::Status(_)
        | GuardError::Client(_) => ConnectorError::io(error.into()),
    }
}

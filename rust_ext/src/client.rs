//! The client of a bucket, as obstore's store describes it.

use std::collections::HashMap;
use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use object_store::{ClientOptions, RetryConfig};
use pyo3::PyTypeInfo as _;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3_object_store::{PyClientOptions, PyS3Store};

use crate::checksum::Checksum;
use crate::conditional::Conditional;
use crate::headers::{Asking, ObjectHeaders};
use crate::pace::Pacer;
use crate::patience::{Patience, Patient};
use crate::signing::Signed;

/// What an `obstore.store.S3Store` is made of.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Description {
    config: HashMap<String, String>,
    client_options: PyClientOptions,
}

/// Builds the client anew, with what is ours.
///
/// The store is of another library than this one, which may only take its description; whatever
/// gives it credentials goes along.
pub(crate) fn open(
    store: &Bound<'_, PyAny>,
    headers: ObjectHeaders,
    patience: Patience,
    pacer: Arc<Pacer>,
) -> PyResult<AmazonS3> {
    let (args, kwargs): (Bound<'_, PyTuple>, Bound<'_, PyDict>) =
        store.call_method0("__getnewargs_ex__")?.extract()?;
    let found: Description = kwargs.extract()?;
    let same = PyS3Store::type_object(store.py()).call(args, Some(&kwargs))?;
    let same = same.cast::<PyS3Store>()?.get().clone().into_inner();
    let mut builder = AmazonS3Builder::from_env()
        .with_client_options(ClientOptions::from(found.client_options).with_timeout_disabled());
    for (key, value) in found.config {
        builder = builder.with_config(key.parse::<AmazonS3ConfigKey>().map_err(refused)?, value);
    }
    let credentials = Arc::clone(same.inner().credentials());
    ours(builder, credentials, headers, patience, pacer)
        .build()
        .map_err(refused)
}

/// With what this extension adds to the client, which also signs in its stead.
pub(crate) fn ours(
    builder: AmazonS3Builder,
    credentials: AwsCredentialProvider,
    headers: ObjectHeaders,
    patience: Patience,
    pacer: Arc<Pacer>,
) -> AmazonS3Builder {
    let region = builder.get_config_value(&AmazonS3ConfigKey::Region);
    builder
        .with_credentials(Arc::clone(&credentials)) // or it looks for some of its own
        .with_skip_signature(true)
        .with_retry(RetryConfig {
            max_retries: 0, // that is `Patient`'s
            ..RetryConfig::default()
        })
        .with_crypto_provider(Arc::new(Checksum))
        .with_http_connector(Connector {
            credentials,
            region: region.unwrap_or_else(|| "us-east-1".to_owned()),
            headers,
            patience,
            pacer,
        })
}

/// Opens connections, and puts before them what requests go through.
#[derive(Debug)]
struct Connector {
    credentials: AwsCredentialProvider,
    region: String,
    headers: ObjectHeaders,
    patience: Patience,
    pacer: Arc<Pacer>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = ReqwestConnector::default().connect(options)?;
        let signed = Signed::new(plain, Arc::clone(&self.credentials), self.region.clone());
        // Each attempt is signed anew: it may have waited for long.
        let patient = Patient::new(
            HttpClient::new(signed),
            self.patience.clone(),
            Arc::clone(&self.pacer),
        );
        let asking = Asking::new(HttpClient::new(patient), self.headers.clone());
        Ok(HttpClient::new(Conditional(HttpClient::new(asking))))
    }
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn refused(error: object_store::Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

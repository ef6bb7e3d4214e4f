//! A session whose store panics.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::{ClientOptions, CredentialProvider};

use crate::error::Reason;
use crate::pace::Pacer;
use crate::session::{Limits, Session};
use crate::upload_tests::{PART_SIZE, part};
use crate::window::tests::PACE;

/// Gives no credentials, and no error either.
#[derive(Debug)]
struct Panicking;

#[async_trait]
impl CredentialProvider for Panicking {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        panic!("on purpose")
    }
}

#[test]
fn a_panic_is_the_outcome_of_its_part() {
    let store = AmazonS3Builder::new()
        .with_endpoint("http://127.0.0.1:1")
        .with_bucket_name("bucket")
        .with_region("us-east-1")
        .with_credentials(Arc::new(Panicking))
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .build()
        .unwrap();
    let limits = Limits {
        concurrency: 1,
        max_bytes: PART_SIZE,
        part_size: PART_SIZE,
        slices: 1,
        answer: Duration::from_secs(1),
    };
    let pacer = Arc::new(Pacer::new(PACE, limits.concurrency));
    let session = Session::open(Arc::new(store), &limits, pacer).unwrap();
    assert!(session.submit(vec![part(b"one"), part(b"two")]));
    session.close(false);
    let outcomes = session.completed(Duration::ZERO);
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        let error = outcome.result.unwrap_err();
        assert_eq!(error.reason(), Reason::StoreFault);
        assert_eq!(error.message(), "the uploader panicked");
    }
}

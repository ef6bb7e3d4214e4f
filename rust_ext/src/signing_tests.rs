//! Signatures, held to AWS's own examples.

use super::*;

/// Signs as in AWS's examples; returns the signed headers and the signature.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
fn sign(
    method: &str,
    uri: &str,
    headers: &[(&'static str, &str)],
    body: &'static [u8],
) -> (String, String) {
    let mut builder = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let body = bytes::Bytes::from_static(body).into();
    let mut request = builder.body(body).unwrap();
    let signer = Signer {
        region: "us-east-1".to_owned(),
        last: Mutex::new(None),
    };
    let credential = AwsCredential {
        key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        token: None,
    };
    let now = "2013-05-24T00:00:00Z".parse().unwrap();
    signer.sign(&mut request, &credential, now).unwrap();
    let value = request.headers()[AUTHORIZATION].to_str().unwrap();
    let (start, signature) = value.split_once(", Signature=").unwrap();
    let (_, names) = start.split_once("SignedHeaders=").unwrap();
    (names.to_owned(), signature.to_owned())
}

#[test]
fn a_get_is_signed_as_in_the_example() {
    let (names, signature) = sign(
        "GET",
        "https://examplebucket.s3.amazonaws.com/test.txt",
        &[("range", "bytes=0-9"), ("user-agent", "not signed")],
        b"",
    );
    assert_eq!(names, "host;range;x-amz-content-sha256;x-amz-date");
    let expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    assert_eq!(signature, expected);
}

#[test]
fn a_put_is_signed_as_in_the_example() {
    let (_, signature) = sign(
        "PUT",
        "https://examplebucket.s3.amazonaws.com:443/test%24file.text",
        &[
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("content-length", "21"),
        ],
        b"Welcome to Amazon S3.",
    );
    let expected = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    assert_eq!(signature, expected);
}

#[test]
fn queries_are_signed_as_in_the_examples() {
    let bucket = "https://examplebucket.s3.amazonaws.com";
    for (query, expected) in [
        (
            "lifecycle",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "prefix=J&max-keys=2",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let (_, signature) = sign("GET", &format!("{bucket}/?{query}"), &[], b"");
        assert_eq!(signature, expected, "{query}");
    }
}

#[test]
fn a_query_is_encoded_as_s3_reads_it() {
    let uri = Uri::from_static("http://host/key?uploadId=a%2Bb*~%2F&partNumber=1&x=a+b");
    let expected = "partNumber=1&uploadId=a%2Bb%2A~%2F&x=a%20b";
    assert_eq!(canonical_query(&uri), expected);
}

#[test]
fn spaces_count_as_one_and_secrets_are_not_shown() {
    let request = http::Request::put("http://host/key")
        .header("content-type", " text/html;  charset=utf-8 ")
        .body(bytes::Bytes::new().into())
        .unwrap();
    let (text, _) = canonical(&request, "");
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\ncontent-type:text/html; charset=utf-8\n"));
    let signer = Signer {
        region: String::new(),
        last: Mutex::new(None),
    };
    signer.stamp(Utc::now(), "a-secret");
    assert!(!format!("{signer:?}").contains("a-secret"));
}

#[test]
fn the_checksum_is_taken_for_the_body() {
    let checksum = BASE64_STANDARD.encode(Digest::of(b"other").as_bytes());
    let request = http::Request::put("http://host/key")
        .header(CHECKSUM, checksum)
        .body(bytes::Bytes::from_static(b"bytes").into())
        .unwrap();
    assert_eq!(payload(&request), hex(Digest::of(b"other").as_bytes()));
}

#[test]
fn a_stamp_is_of_its_second_and_secret() {
    let signer = Signer {
        region: "us-east-1".to_owned(),
        last: Mutex::new(None),
    };
    let stamp = |secret, time: &str| {
        let stamp = signer.stamp(time.parse().unwrap(), secret);
        let tag = hmac::sign(&stamp.key, b"").as_ref().to_vec();
        (stamp.time.clone(), stamp.scope.clone(), tag)
    };
    let first = stamp("a", "2026-11-23T23:59:58.1Z");
    assert_eq!(first.0, "20261123T235958Z");
    assert_eq!(first.1, "20261123/us-east-1/s3/aws4_request");
    assert_eq!(first, stamp("a", "2026-11-23T23:59:58.9Z"));
    let later = stamp("a", "2026-11-23T23:59:59Z");
    assert_eq!(
        (later.0.as_str(), &later.1, &later.2),
        ("20261123T235959Z", &first.1, &first.2)
    );
    let next_day = stamp("a", "2026-11-24T00:00:00Z");
    assert_eq!(next_day.1, "20261124/us-east-1/s3/aws4_request");
    assert_ne!(next_day.2, first.2);
    assert_ne!(stamp("b", "2026-11-24T00:00:00Z").2, next_day.2);
}

#[test]
fn a_port_that_goes_without_saying_is_left_out() {
    for (uri, expected) in [
        ("https://a.b:443/", "a.b"),
        ("https://a.b:80/", "a.b:80"),
        ("http://[::1]:9000/", "[::1]:9000"),
    ] {
        assert_eq!(host(&Uri::from_static(uri)), expected);
    }
}

//! The edge: what Python sees. Parts come in and outcomes go out in batches, and every wait is
//! without the interpreter's lock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::client;
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::error::Reason;
use crate::headers::ObjectHeaders;
use crate::pace::Pacer;
use crate::part::{Outcome, Part, Source};
use crate::patience::Patience;
use crate::session::{Limits, Session};
use crate::window::{Pace, Trouble};

/// The longest wait; about a century, so that infinity is one too.
const FOREVER: Duration = Duration::from_secs(1 << 31);

/// A `Part` of `mailvault/models.py`.
#[derive(FromPyObject)]
pub(crate) struct PyPart {
    number: i64,
    key: String,
    content: PyContent,
    content_type: String,
    disposition: Option<String>,
    metadata: Vec<(String, String)>,
    encoding: Option<String>,
    exact: bool,
}

#[derive(FromPyObject)]
enum PyContent {
    #[pyo3(transparent)]
    Memory(PyBackedBytes),
    File {
        root: String,
        path: String,
    },
}

impl From<PyPart> for Part {
    fn from(part: PyPart) -> Self {
        Self {
            number: part.number,
            key: part.key,
            exact: part.exact,
            source: match part.content {
                PyContent::Memory(bytes) => Source::Memory(Bytes::from_owner(bytes)),
                PyContent::File { root, path } => Source::File { root, path },
            },
            content_type: part.content_type,
            disposition: part.disposition,
            metadata: part.metadata,
            encoding: part.encoding.as_deref().and_then(Encoding::parse),
        }
    }
}

/// Key, size, digest, etag, created, checksum, version; encoding, and size and digest before it.
type PyStored = (
    String,
    u64,
    Py<PyBytes>,
    Option<String>,
    bool,
    Option<String>,
    Option<String>,
    Option<&'static str>,
    Option<u64>,
    Option<Py<PyBytes>>,
);

/// Number, what is stored, or the reason and the message.
type PyOutcome = (i64, Option<PyStored>, &'static str, String);

fn to_python(py: Python<'_>, outcome: Outcome) -> PyOutcome {
    match outcome.result {
        Ok(stored) => {
            let bytes = |digest: Digest| PyBytes::new(py, digest.as_bytes()).unbind();
            let (payload, original) = (stored.payload, stored.payload.original);
            let stored = (
                stored.key,
                payload.size,
                bytes(payload.digest),
                stored.receipt.etag,
                stored.created,
                stored.receipt.checksum,
                stored.receipt.version,
                original.map(|original| original.encoding.word()),
                original.map(|original| original.size),
                original.map(|original| bytes(original.digest)),
            );
            (outcome.number, Some(stored), "", String::new())
        }
        Err(error) => {
            let (reason, message) = (error.reason().word(), error.message().to_owned());
            (outcome.number, None, reason, message)
        }
    }
}

/// Seconds as Python has them.
pub(crate) fn seconds(number: &Bound<'_, PyAny>) -> PyResult<Duration> {
    Duration::try_from_secs_f64(number.extract()?)
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Stores parts concurrently; `mailvault/_rust.pyi` describes it.
#[pyclass(frozen, module = "mailvault._rust")]
pub(crate) struct Uploader {
    session: Session,
}

#[pymethods]
impl Uploader {
    #[new]
    #[pyo3(signature = (store, *, concurrency, max_bytes, part_size, slices, headers, patience, pace))]
    #[allow(clippy::too_many_arguments)] // they have names in Python
    fn new(
        store: &Bound<'_, PyAny>,
        concurrency: usize,
        max_bytes: u64,
        part_size: u64,
        slices: usize,
        headers: ObjectHeaders,
        patience: Patience,
        pace: Pace,
    ) -> PyResult<Self> {
        if concurrency == 0 || part_size == 0 || slices == 0 || patience.slowest == 0 {
            return Err(PyValueError::new_err(
                "concurrency, part_size, slices and slowest must be positive",
            ));
        }
        let limits = Limits {
            concurrency,
            max_bytes,
            part_size,
            slices,
            answer: patience.answer,
        };
        // The slices of a single part may always go at once.
        let pacer = Arc::new(Pacer::new(pace, concurrency.max(slices)));
        let store = client::open(store, headers, patience, Arc::clone(&pacer))?;
        let session = Session::open(Arc::new(store), &limits, pacer)?;
        Ok(Self { session })
    }

    fn submit(&self, py: Python<'_>, parts: Vec<PyPart>) -> PyResult<()> {
        let accepted = py.detach(|| {
            let parts = parts.into_iter().map(Part::from).collect();
            self.session.submit(parts)
        });
        if accepted {
            return Ok(());
        }
        Err(PyRuntimeError::new_err("the uploader is closed"))
    }

    fn completed(&self, py: Python<'_>, timeout: f64) -> Vec<PyOutcome> {
        let timeout = Duration::try_from_secs_f64(timeout.max(0.0))
            .unwrap_or(FOREVER)
            .min(FOREVER);
        let outcomes = py.detach(|| self.session.completed(timeout));
        outcomes
            .into_iter()
            .map(|outcome| to_python(py, outcome))
            .collect()
    }

    fn limit(&self, bytes_per_second: Option<u64>) -> PyResult<()> {
        if bytes_per_second == Some(0) {
            return Err(PyValueError::new_err("a limit must be positive, or None"));
        }
        self.session.pacer().limit(bytes_per_second);
        Ok(())
    }

    fn window(&self) -> (usize, usize, Option<&'static str>) {
        let (size, ceiling, trouble) = self.session.pacer().window();
        (size, ceiling, trouble.map(Trouble::word))
    }

    #[pyo3(signature = (*, abort = false))]
    fn close(&self, py: Python<'_>, abort: bool) {
        py.detach(|| self.session.close(abort));
    }
}

/// Every reason that an outcome may have, whether another attempt can help, and whether the
/// fault is the system's.
#[pyfunction]
pub(crate) fn reasons() -> Vec<(&'static str, bool, bool)> {
    let row = |reason: &Reason| (reason.word(), reason.retryable(), reason.systemic());
    Reason::ALL.iter().map(row).collect()
}

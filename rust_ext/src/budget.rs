//! The bytes of file content that may be in memory at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{PartError, Reason};

/// A semaphore counts in `u32`; in units of a kibibyte that is four terabytes.
const UNIT: u64 = 1024;

/// A number of bytes, shared by all uploads of a session.
#[derive(Clone)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    all: u32,
}

impl Budget {
    /// A budget of `bytes`, at least one unit.
    pub(crate) fn new(bytes: u64) -> Self {
        let all = units(bytes).max(1);
        Self {
            units: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Waits until `bytes` are free and holds them until the result is dropped.
    ///
    /// More than there are in all means all of them: what is larger than the budget goes alone,
    /// and not never.
    pub(crate) async fn hold(&self, bytes: u64) -> Result<OwnedSemaphorePermit, PartError> {
        let wanted = units(bytes).min(self.all);
        Arc::clone(&self.units)
            .acquire_many_owned(wanted)
            .await
            .map_err(|_| PartError::new(Reason::StoreFault, "the uploader was closed"))
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_larger_than_the_budget_goes_alone() {
        let budget = Budget::new(4096);
        let small = budget.hold(1).await.unwrap();
        assert!(budget.hold(1 << 40).now_or_never().is_none());
        drop(small);
        let large = budget.hold(1 << 40).await.unwrap();
        assert!(budget.hold(1).now_or_never().is_none());
        drop(large);
        assert!(budget.hold(4096).now_or_never().is_some());
    }

    #[tokio::test]
    async fn nothing_costs_nothing() {
        let budget = Budget::new(0);
        let _all = budget.hold(1).await.unwrap();
        assert!(budget.hold(0).now_or_never().is_some());
    }
}

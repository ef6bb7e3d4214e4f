//! The window at a store that answers in rounds.

use super::*;

pub(crate) const PACE: Pace = Pace {
    start: 16,
    shortest_round: 8,
    small: 64 * 1024,
    slow: Duration::from_secs(1),
    memory: Duration::from_secs(30),
    calm: Duration::from_secs(30),
    burst: Duration::from_millis(100),
};

/// A store that answers rounds of as many requests as the window lets through.
struct Store {
    window: Window,
    now: Instant,
}

impl Store {
    fn new(ceiling: usize) -> Self {
        let now = Instant::now();
        Self {
            window: Window::new(PACE, ceiling, now),
            now,
        }
    }

    fn answer(&mut self, latency: u64, sign: impl Fn(usize) -> Sign) -> usize {
        self.now += Duration::from_millis(latency);
        let sent: Vec<_> = (0..self.window.size())
            .map(|_| self.window.enter())
            .collect();
        for (number, entered) in sent.into_iter().enumerate() {
            self.window.leave(entered, sign(number), self.now);
        }
        self.window.size()
    }

    fn round(&mut self, latency: u64) -> usize {
        let latency = Duration::from_millis(latency);
        self.answer(20, |_| Sign::Answered(Some(latency)))
    }

    fn busy(&mut self) -> usize {
        self.answer(20, |_| Sign::Busy)
    }
}

#[test]
fn it_doubles_to_the_ceiling_where_nothing_is_wrong() {
    let mut store = Store::new(200);
    let sizes: Vec<_> = (0..5).map(|_| store.round(20)).collect();
    assert_eq!(sizes, [32, 64, 128, 200, 200]);
    assert_eq!(Store::new(4).round(20), 4);
}

#[test]
fn it_is_halved_once_for_all_that_was_sent_before() {
    let mut store = Store::new(64);
    store.round(20);
    store.round(20);
    assert_eq!(store.busy(), 32);
    assert_eq!(
        store.answer(20, |number| if number == 5 {
            Sign::Busy
        } else {
            Sign::Lost
        }),
        16
    );
    for _ in 0..9 {
        store.busy();
    }
    assert_eq!(store.window.size(), 1);
}

#[test]
fn after_a_fall_it_climbs_by_one_a_round() {
    let mut store = Store::new(16);
    store.busy();
    let sizes: Vec<_> = (0..10).map(|_| store.round(20)).collect();
    assert_eq!(sizes, [9, 10, 11, 12, 13, 14, 15, 16, 16, 16]);
}

#[test]
fn from_one_it_climbs_too() {
    let mut store = Store::new(16);
    for _ in 0..4 {
        store.busy();
    }
    assert_eq!(store.window.size(), 1);
    for _ in 0..8 {
        store.round(20);
    }
    assert_eq!(store.window.size(), 2);
}

#[test]
fn it_does_not_grow_where_it_is_not_used() {
    let mut store = Store::new(64);
    for _ in 0..100 {
        let entered = store.window.enter();
        store.window.leave(entered, Sign::Answered(None), store.now);
    }
    assert_eq!(store.window.size(), 16);
}

#[test]
fn rising_latency_takes_it_to_a_quarter_of_the_ceiling() {
    let mut store = Store::new(64);
    store.round(20);
    assert_eq!(store.round(20), 64);
    assert_eq!(store.round(1500), 57);
    assert_eq!(store.window.trouble(store.now), Some(Trouble::Slow));
    for _ in 0..100 {
        store.round(1500);
    }
    assert_eq!(store.window.size(), 16);
    assert_eq!(store.round(20), 17);
}

#[test]
fn latency_that_stays_is_the_new_shortest() {
    let mut store = Store::new(64);
    store.round(20);
    for _ in 0..20 {
        store.round(1500);
    }
    assert_eq!(store.window.size(), 16);
    store.now += PACE.memory;
    store.round(1500);
    store.now += PACE.memory;
    assert_eq!(store.round(1500), 17);
}

#[test]
fn neither_noise_nor_a_fast_store_under_load_is_trouble() {
    let mut store = Store::new(64);
    store.round(1);
    assert_eq!(store.round(900), 64); // many times as long, and still fast
    let noisy = |number| {
        let latency = if number % 3 == 0 { 5000 } else { 20 };
        Sign::Answered(Some(Duration::from_millis(latency)))
    };
    assert_eq!(store.answer(20, noisy), 64);
}

#[test]
fn what_is_not_answered_in_time_is_slow_whatever_its_size() {
    let mut store = Store::new(64);
    store.answer(20, |_| Sign::Answered(None));
    assert_eq!(store.answer(60_000, |_| Sign::Late), 28);
}

#[test]
fn trouble_is_over_after_a_while() {
    let mut store = Store::new(64);
    store.busy();
    assert_eq!(store.window.trouble(store.now), Some(Trouble::Busy));
    assert_eq!(store.window.trouble(store.now + PACE.calm), None);
}

//! What both tokio connectors do: `TcpStream::connect` in `timeout`, a task per attempt.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use protocol::{Failure, Wave};
use serde_json::{json, Value};
use tokio::io::{unix::AsyncFd, Interest};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

async fn attempt(wave: Arc<Wave>, id: usize, _room: OwnedSemaphorePermit) {
    let attempt = wave.begin(id);
    attempt.ended(match timeout(wave.timeout, TcpStream::connect(wave.host(id))).await {
        Ok(connected) => connected.map_err(Failure::Error),
        Err(_elapsed) => Err(Failure::Timeout),
    });
}

pub async fn drive(wave: &Arc<Wave>) {
    let room = Arc::new(Semaphore::new(wave.in_flight));
    let mut tasks = JoinSet::new();
    let all = async {
        for id in 0..wave.attempts {
            let due = wave.until_due(id);
            if !due.is_zero() {
                sleep(due).await;
            }
            let permit = room.clone().acquire_owned().await.unwrap();
            tasks.spawn(attempt(wave.clone(), id, permit));
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
    };
    // Safe, because nothing closes stdin.
    let stdin = unsafe { AsyncFd::register_with_interest(BorrowedFd::borrow_raw(0), Interest::READABLE) };
    let stdin = stdin.expect("stdin must be a pipe");
    tokio::select! {
        () = all => (),
        _ = stdin.readable() => (),
    }
    tasks.shutdown().await;
}

pub fn description(name: &str, summary: &str, threads: &str) -> Value {
    json!({
        "name": name,
        "summary": summary,
        "libraries": [
            {"name": "tokio", "version": env!("VERSION_OF_TOKIO")},
            {"name": "mio", "version": env!("VERSION_OF_MIO")},
        ],
        "families": ["4", "6"],
        "threads": threads,
        "granularity_ns": 1_000_000, // tokio's timers count milliseconds
        "misleading": [{"target": "host-unreachable", "reason": "takes SO_ERROR 0 for success (docs/connect.md)"}],
        "close": ["rst", "fin", "hold"],
        "steered_by": ["TOKIO_WORKER_THREADS"],
    })
}

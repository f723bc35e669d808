//! tokio's default runtime: a worker thread per processor.

use tokio::runtime::Builder;

#[path = "../attempts_of_tokio.rs"]
mod attempts;

fn main() {
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let summary = "TcpStream::connect in timeout, a task per attempt, multi-thread runtime";
    let description = attempts::description("tokio", summary, "runtime");
    protocol::run(description, |wave| runtime.block_on(attempts::drive(wave)));
}

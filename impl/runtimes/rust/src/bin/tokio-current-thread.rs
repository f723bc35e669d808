//! tokio's runtime on the thread that calls it.

use tokio::runtime::Builder;

#[path = "../attempts_of_tokio.rs"]
mod attempts;

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let summary = "TcpStream::connect in timeout, a task per attempt, current-thread runtime";
    let description = attempts::description("tokio-current-thread", summary, "none");
    protocol::run(description, |wave| runtime.block_on(attempts::drive(wave)));
}

#include "bench/cluster_each.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "bench/commands.h"
#include "bench/screen.h"
#include "harness/process/child_process.h"
#include "harness/record/schema.h"

namespace connbench {
namespace {

using cluster::Json;
namespace fs = std::filesystem;

constexpr Duration look_interval = std::chrono::milliseconds(50);
constexpr Duration stop_patience = std::chrono::seconds(10);  // from a stop to the last record

/// A folder that is removed with everything in it.
class Workspace {
 public:
  explicit Workspace(const fs::path& parent) {
    std::string name = parent / "connbench-each-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    path_ = name;
  }
  ~Workspace() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void send_file(const fs::path& path, WorkerTalk& talk) {
  std::ifstream file(path, std::ios::binary);
  std::string part(cluster::usual_payload, '\0');
  do {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    const auto* bytes = reinterpret_cast<const uint8_t*>(part.data());
    talk.say({{"is", "file"},
              {"name", path.filename().string()},
              {"part", Json::binary(std::vector<uint8_t>(bytes, bytes + file.gcount()))}});
  } while (file);
}

// What it prints goes to files: a pipe would have to be read meanwhile.
pid_t start_run(const fs::path& folder) {
  const std::string program = fs::read_symlink("/proc/self/exe");
  const std::string settings = folder / "settings", out = folder / "run";
  const pid_t parent = ::getpid();
  const pid_t pid = checked(::fork(), "fork");
  if (pid != 0) return pid;
  die_with_parent(parent);
  if (::freopen((folder / "stdout").c_str(), "w", stdout) == nullptr ||
      ::freopen((folder / "stderr").c_str(), "w", stderr) == nullptr)
    ::_exit(broke);
  ::execl(program.c_str(), program.c_str(), "run", "--repeat", settings.c_str(), "--out", out.c_str(), "--quiet",
          nullptr);
  ::_exit(broke);
}

/// What has arrived of one host.
struct Gathered {
  std::map<std::string, std::ofstream> files{};
  bool over = false;
  int status = broke;
};

void take(Gathered& host, const fs::path& folder, const Json& message, const std::string& name) {
  const std::string is = message.at("is");
  if (is == "file") {
    const std::string file = fs::path(message.at("name").get<std::string>()).filename();
    auto [open, is_new] = host.files.try_emplace(file);
    if (is_new) {
      fs::create_directories(folder);
      open->second.open(folder / file, std::ios::binary | std::ios::trunc);
    }
    const auto& part = message.at("part").get_binary();
    open->second.write(reinterpret_cast<const char*>(part.data()), static_cast<std::streamsize>(part.size()));
  }
  if (is != "ran" && is != "failed") return;
  host.over = true;
  for (auto& [file, stream] : host.files) {
    stream.close();
    if (!stream) throw std::runtime_error(fmt::format("{} could not be written", (folder / file).string()));
  }
  if (is == "failed") return say(fmt::format("{}: {}", name, message.at("why").get<std::string>()));
  host.status = message.at("status");
  print_out(fmt::format("{}:\n{}", name, message.at("printed").get<std::string>()));
  if (const std::string complained = message.at("complained"); !complained.empty())
    say(fmt::format("{}: {}", name, complained.substr(0, complained.find_last_not_of('\n') + 1)));
}

}  // namespace

void make_whole_run(const Json& order, WorkerTalk& talk, const fs::path& job_folder) {
  const Workspace workspace(job_folder.empty() ? fs::temp_directory_path() : job_folder);
  const fs::path& folder = workspace.path();
  fs::create_directory(folder / "settings");
  std::ofstream(folder / "settings" / run_file::run) << Json{{"settings", order.at("settings")}};
  ChildProcess run(start_run(folder));
  talk.start_wave(0);
  bool told = false;
  while (!run.ended_within(look_interval)) {
    talk.look();
    if (talk.stop_asked() && !std::exchange(told, true)) ::kill(run.pid(), SIGINT);
  }
  const int status = run.collect();
  std::error_code none;  // of a run that was refused there is no folder
  for (const auto& entry : fs::directory_iterator(folder / "run", none))
    if (entry.is_regular_file()) send_file(entry.path(), talk);
  talk.say({{"is", "ran"},
            {"status", WIFEXITED(status) ? WEXITSTATUS(status) : signal_base + WTERMSIG(status)},
            {"printed", content_of(folder / "stdout")},
            {"complained", content_of(folder / "stderr")}});
}

int run_on_each_host(cluster::Job& job, const Json& settings, const fs::path& out, StopSignal& stop) {
  std::map<int32_t, Gathered> hosts;
  for (const cluster::Host& host : job.hosts()) {
    hosts[host.rank];
    job.tell(host.rank, {{"is", "run"}, {"settings", settings}});
  }
  bool told = false;
  TimePoint deadline = TimePoint::max();
  const auto under_way = [&] {
    return std::ranges::any_of(hosts, [&](const auto& one) { return !one.second.over && !job.is_lost(one.first); });
  };
  while (under_way() && now() < deadline) {
    if (stop.pending() != 0 && !std::exchange(told, true)) {
      for (const cluster::Host& host : job.hosts()) job.tell(host.rank, {{"is", "stop"}});
      deadline = now() + stop_patience;
    }
    const TimePoint until = std::min(deadline, now() + std::chrono::seconds(1));
    const auto said = told ? job.next_of_the_last(until) : job.next(until);
    if (said) take(hosts[said->first], out / job.host(said->first).name, said->second, job.host(said->first).name);
  }
  int worst = done;
  std::string folders;
  for (const auto& [rank, host] : hosts) {
    worst = std::max(worst, host.status);
    if (!host.files.empty()) folders += fmt::format(" {}", (out / job.host(rank).name).string());
  }
  for (const auto& [rank, name, why, with_job] : job.lost()) say(fmt::format("{} was lost: {}", name, why));
  print_out(fmt::format("records:{}\n", folders));
  if (worst == done) print_out(fmt::format("next: scripts/report{}\n", folders));
  return stop.pending() != 0 ? signal_base + stop.pending() : worst;
}

}  // namespace connbench

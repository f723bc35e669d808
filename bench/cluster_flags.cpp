#include "bench/cluster_flags.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <sstream>

#include "bench/commands.h"
#include "bench/flags.h"
#include "cluster/job_folder.h"

namespace connbench {
namespace {

constexpr const char* how_to_get_mpi =
    "install connbench-cluster, or build connbench where Open MPI is (apt-get install libopenmpi-dev openmpi-bin "
    "openssh-client)";

// The folder in which Open MPI keeps its files; after a kill, they would stay.
constexpr const char* session_parameter = "orte_tmpdir_base";

std::string own_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

bool is_in_path(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  return false;
}

void refuse_twice(const std::vector<cluster::HostName>& hosts) {
  for (size_t i = 0; i < hosts.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (hosts[i].name == hosts[j].name)
        refuse_flag("--host", fmt::format("{} is given twice: a host has one rank", hosts[i].name));
}

void refuse_bad_parameter(const std::string& parameter) {
  if (const size_t equals = parameter.find('='); equals == std::string::npos || equals == 0)
    refuse_flag("--mca", fmt::format("'{}' should look like btl_tcp_if_include=eth0", parameter));
}

// Ours, and those of the user, which come first.
std::map<std::string, std::string> parameters_of(const ClusterOptions& options) {
  std::map<std::string, std::string> all;
  for (const std::string& parameter : options.parameters) {
    const size_t equals = parameter.find('=');
    all[parameter.substr(0, equals)] = parameter.substr(equals + 1);
  }
  all.try_emplace("mpi_yield_when_idle", "1");  // a rank that waits leaves the processor to others
  all.try_emplace("plm_rsh_agent", options.reach.agent);
  // Without these, what runs on a host whose link was cut ends after eight minutes.
  all.try_emplace("oob_tcp_keepalive_time", "2");
  all.try_emplace("oob_tcp_keepalive_intvl", "1");
  all.try_emplace("oob_tcp_keepalive_probes", "2");
  return all;
}

FlagGroup what_to_do(ClusterFlags& flags) {
  return {"What to do",
          {{.name = "ACTION",
            .value = "",
            .destination = &flags.action,
            .help = "run: measure, as connbench run with the flags below. check: say of each host whether a run could "
                    "begin there.",
            .choices = {"run", "check"}}}};
}

FlagGroup which_hosts(ClusterFlags& flags) {
  return {
      "Hosts",
      {{.name = "--host",
        .value = "LIST",
        .destination = CommaList{&flags.hosts},
        .help = "Hosts that connect, as the launcher reaches them. They divide every wave: attempt i is made by host "
                "i mod N."},
       {.name = "--hostfile",
        .value = "FILE",
        .destination = &flags.hostfile,
        .help = "The same from a file, one host per line.",
        .excludes = {"--host"}},
       {.name = "--serve",
        .value = "LIST",
        .destination = CommaList{&flags.serve},
        .help = "Hosts that serve the targets for the others; d=10.0.0.4 says at which address. Without it, every host "
                "connects to targets of its own."},
       {.name = "--each-host",
        .value = "",
        .destination = &flags.each_host,
        .help = "Every host makes the whole run, at targets of its own, to compare machines or kernels: one folder of "
                "records per host, for connbench report, and for compare --across.",
        .excludes = {"--serve"}},
       {.name = "--by-host",
        .value = "",
        .destination = &flags.by_host,
        .help = "Print the part of each host, too; summary.csv always has it."},
       {.name = "--continue-without",
        .value = "",
        .destination = &flags.continue_without,
        .help =
            "When hosts are lost, begin a new run with the others, with --out in the folder OUT.2. The run that broke "
            "keeps its records.",
        .excludes = {"--each-host", "--launcher"}},
       {.name = "--keep-samples-above",
        .value = "N",
        .destination = &flags.keep_samples_above,
        .help = "In a run with more samples than this, only summaries travel: every host writes samples.RANK.csv into "
                "a folder with the path of --out on that host.",
        .excludes = {"--each-host"}}}};
}

FlagGroup how_to_start(ClusterFlags& flags) {
  return {
      "How they are started",
      {{.name = "--launcher",
        .value = "COMMAND",
        .destination = &flags.launcher,
        .help = "What starts one rank on each host, instead of mpirun: 'srun --mpi=pmix --input=0 --cpu-bind=none -N3 "
                "-n3'. Its hosts "
                "are those of --launcher, so that --host is not given; --serve names some of them.",
        .excludes = {"--host", "--hostfile", "--mca"}},
       {.name = "--agent",
        .value = "COMMAND",
        .destination = &flags.agent,
        .help = "What runs a command on another host: ssh, with options of yours."},
       {.name = "--mca",
        .value = "NAME=VALUE",
        .destination = Repeated{&flags.parameters},
        .help = "A parameter of Open MPI: btl_tcp_if_include=eth0. Repeatable."},
       {.name = "--programs",
        .value = "FOLDER",
        .destination = &flags.folder,
        .help = "The folder of connbench and connbench-mpi on every host.",
        .shown_default = "that of this program"},
       {.name = "--limits",
        .value = "LIST",
        .destination = CommaList{&flags.limits},
        .help = "With --dry-run: made-up limits of each host, instead of asking the hosts: "
                "descriptors=1048576,ports=28232,memory=64GiB.",
        .excludes = {"--launcher"}}}};
}

}  // namespace

std::vector<FlagGroup> describe(ClusterFlags& flags) {
  std::vector<FlagGroup> groups{what_to_do(flags), which_hosts(flags), how_to_start(flags)};
  std::vector<FlagGroup> run = describe(flags.run);
  std::ranges::move(run, std::back_inserter(groups));
  return groups;
}

std::vector<cluster::HostName> ClusterOptions::hosts() const {
  std::vector<cluster::HostName> all = clients;
  all.insert(all.end(), servers.begin(), servers.end());
  return all;
}

ClusterOptions read_cluster(const ClusterFlags& flags) {
  one_of("cluster", flags.action, {"run", "check"});
  ClusterOptions options{
      .clients = flags.hostfile.empty()
                     ? for_each_text<cluster::HostName>("--host", flags.hosts, cluster::parse_host)
                     : for_flag("--hostfile", [&] { return cluster::read_hostfile(flags.hostfile); }),
      .servers = for_each_text<cluster::HostName>("--serve", flags.serve, cluster::parse_host),
      .reach = {.agent = flags.agent, .folder = flags.folder.empty() ? own_folder() : flags.folder},
      .launcher = {},
      .parameters = flags.parameters,
      .each_host = flags.each_host,
      .by_host = flags.by_host,
      .continue_without = flags.continue_without,
      .keep_samples_above = for_flag("--keep-samples-above", [&] {
        return parse_count(flags.keep_samples_above, {.least = 0, .most = UINT64_MAX});
      })};
  for_flag("--agent", [&] { return cluster::words_of(flags.agent); });
  std::ranges::for_each(options.parameters, refuse_bad_parameter);
  if (!flags.launcher.empty())
    options.launcher = for_flag("--launcher", [&] { return cluster::words_of(flags.launcher); });
  if (options.clients.empty() && !options.has_own_launcher())
    throw std::invalid_argument("hosts are needed: --host a,b,c, --hostfile FILE, or --launcher COMMAND");
  // A server on a file of hosts is one of them that does not connect.
  if (!flags.hostfile.empty())
    std::erase_if(options.clients, [&](const cluster::HostName& host) {
      return std::ranges::count(options.servers, host.name, &cluster::HostName::name) > 0;
    });
  if (options.clients.empty() && !options.has_own_launcher())
    refuse_flag("--serve", "all hosts serve, and none is left to connect");
  refuse_twice(options.hosts());
  if (!flags.limits.empty() && !flags.run.dry_run)
    refuse_flag("--limits", "real hosts have limits of their own; it goes with --dry-run");
  return options;
}

// By default one that every host has: the TMPDIR of this machine may be missing elsewhere.
std::filesystem::path parent_of_job_folder(const ClusterOptions& options) {
  const auto parameters = parameters_of(options);
  if (const auto given = parameters.find(session_parameter); given != parameters.end()) return given->second;
  const char* set = std::getenv(fmt::format("OMPI_MCA_{}", session_parameter).c_str());
  return set == nullptr ? "/tmp" : set;
}

std::vector<std::string> launch_command(const ClusterOptions& options, const std::string& job_folder) {
  const std::string program = options.reach.folder + "/connbench-mpi";
  std::vector<std::string> words = options.launcher;
  if (options.has_own_launcher()) {
    words.push_back(program);
    return words;
  }
  // The loss of one rank does not end the others; and where it starts few, mpirun would bind each to one processor.
  words = {"mpirun", "--enable-recovery", "--bind-to", "none"};
  if (::geteuid() == 0) words.emplace_back("--allow-run-as-root");
  auto parameters = parameters_of(options);
  parameters[session_parameter] = job_folder;
  for (const auto& [name, value] : parameters) words.insert(words.end(), {"--mca", name, value});
  bool first = true;
  for (const cluster::HostName& host : options.hosts()) {
    if (!std::exchange(first, false)) words.emplace_back(":");
    words.insert(words.end(),
                 {"--host", host.name, "-np", "1", program, cluster::job_folder_flag, job_folder, "--name", host.name});
  }
  return words;
}

void require_launcher(const ClusterOptions& options) {
  const std::string program = options.reach.folder + "/connbench-mpi";
  if (::access(program.c_str(), X_OK) != 0 && options.reach.folder == own_folder())
    throw MachineLacks(fmt::format("{} is not there: {}", program, how_to_get_mpi));
  const std::string& launcher = options.has_own_launcher() ? options.launcher.front() : "mpirun";
  if (!is_in_path(launcher)) throw MachineLacks(fmt::format("{} is not there: {}", launcher, how_to_get_mpi));
}

}  // namespace connbench

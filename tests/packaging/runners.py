"""What runs the steps of a composite action, and the job of a GitLab template, as far as ours need it."""

import re
import subprocess

import yaml

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_NAME = re.compile(r"'[^']*'|\b[a-z]+(?:\.\w+)+\b")


class Action:
    """The steps of an action.yml. Those that use another action are left out; their conditions are evaluated."""

    def __init__(self, path, workspace, temporary, environment, wrap=()):
        """`wrap`: a command that executes the shell of each step, on a machine that it makes."""
        self.action = yaml.safe_load(path.read_text())
        self.path, self.workspace, self.temporary = path, workspace, temporary
        self.environment, self.wrap = environment, wrap
        self.used, self.said = [], ""

    def run(self, inputs, github):
        """Whether all steps succeeded. What they printed is in `said`, the actions that they use in `used`."""
        known = {f"inputs.{name}": given.get("default", "") for name, given in self.action["inputs"].items()}
        unknown = set(inputs) - set(self.action["inputs"])
        assert not unknown, f"the action has no input {unknown}"
        lacking = [n for n, given in self.action["inputs"].items() if given.get("required") and n not in inputs]
        assert not lacking, f"the action needs the input {lacking}"
        known |= {f"inputs.{name}": value for name, value in inputs.items()} | github
        known |= {"github.action_path": str(self.path.parent)}
        failed = False
        for step in self.action["runs"]["steps"]:
            condition = step.get("if", "success()").replace("always()", "True").replace("success()", str(not failed))
            if "always()" not in step.get("if", "") and failed or not self._value(condition, known):
                continue
            if "uses" in step:
                self.used.append(step["uses"].partition("@")[0])
            elif self.run_step(step, known) != 0:
                failed = True
        return not failed

    def run_step(self, step, known):
        assert step["shell"] == "bash"
        variables = {name: self.text_of(text, known) for name, text in step.get("env", {}).items()}
        files = {
            name: self.temporary / name
            for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
        }
        for file in files.values():
            file.touch()
        files["GITHUB_OUTPUT"].write_text("")
        variables |= {name: str(file) for name, file in files.items()} | {"RUNNER_TEMP": str(self.temporary)}
        ended = subprocess.run(
            [*self.wrap, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env=self.environment | variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said += f"== {step['name']}\n{ended.stdout}"
        for line in files["GITHUB_OUTPUT"].read_text().splitlines():
            name, _, value = line.partition("=")
            known[f"steps.{step.get('id')}.outputs.{name}"] = value
        return ended.returncode

    def text_of(self, text, known):
        return _EXPRESSION.sub(lambda found: self._value(found[1], known), str(text))

    @staticmethod
    def _value(expression, known):
        """Of names, texts, ==, !=, && and ||; a name that is not known is empty."""
        python = expression.replace("&&", " and ").replace("||", " or ").strip()
        python = _NAME.sub(lambda found: found[0] if found[0][0] == "'" else repr(known.get(found[0], "")), python)
        return eval(python, {"__builtins__": {}})


class Job:
    """The only job of a GitLab template, with the inputs of the file that includes it."""

    def __init__(self, template, including):
        header, body = template.read_text().split("\n---\n")
        declared = yaml.safe_load(header)["spec"]["inputs"]
        (included,) = yaml.safe_load(including.read_text())["include"]
        self.file, given = included["file"], included["inputs"]
        assert set(given) <= set(declared), f"the template has no input {set(given) - set(declared)}"
        values = {name: given.get(name, spec.get("default")) for name, spec in declared.items()}
        assert None not in values.values(), f"an input has no value: {values}"
        self.values = values
        self._body = body

    def run(self, folder, environment, inputs):
        """(exit status, output) of its script, as a shell of the runner executes it."""
        values = self.values | inputs
        body = re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: values[found[1]], self._body)
        ((_, job),) = yaml.safe_load(body).items()
        self.tolerated = job["allow_failure"]["exit_codes"]
        variables = {name: str(value) for name, value in job["variables"].items()}
        shell = {"cwd": folder, "env": environment | variables, "text": True}
        shell |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        command = ["bash", "-eo", "pipefail", "-c"]
        ended = subprocess.run([*command, "\n".join(job["script"])], **shell)
        after = subprocess.run([*command, "\n".join(job["after_script"])], **shell)
        assert after.returncode == 0, after.stdout
        return ended.returncode, ended.stdout

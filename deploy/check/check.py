# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks the files of deploy/ against the schemas and parsers of those who read them. Runs no container, asks no network; what only a cluster or a
daemon could tell, it does not tell. scripts/check-deploy runs it."""

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import helm_python as helm
import jsonschema
import kubernetes_validate
import promql_parser
import yaml

# The oldest and the newest Kubernetes that the chart is for.
KUBERNETES = ["1.29", "1.37"]
CHART = "deploy/helm/tandem-operator"
# What no build may take from the project's directory, wherever it lies.
SECRETS = ["keys/bls.json", "crates/cli/bls.json", "components/x/transport.json", "docs/transaction.json", ".env", "crates/.env.local",
           "operator.toml", "crates/operator.toml", "contracts/tools/password", "crates/tls.pem", "sdk/a.key", "crates/keys/bls.json",
           ".git/config", "deploy/secrets.env", "target/release/tandem", "data/journal.sqlite"]


class Broken(Exception):
    """A file is not what it should be."""


def require(condition, message):
    if not condition:
        raise Broken(message)


def read_yaml(path):
    try:
        return list(yaml.safe_load_all(path.read_text()))
    except yaml.YAMLError as error:
        raise Broken(f"{path.name}: {error}") from error


def command(*arguments, **options):
    return subprocess.run(arguments, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)


# The image


def ignored(patterns, path):
    """As container builders read .dockerignore: the last pattern that names the path or a directory above it decides."""
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    verdict = False
    for pattern in patterns:
        keep, pattern = pattern.startswith("!"), pattern.removeprefix("!")
        words = pattern.split("/")
        names = [one.split("/") for one in above]
        if any(matches(words, one) for one in names):
            verdict = not keep
    return verdict


def matches(words, names):
    if not words or not names:
        return not words and not names
    if words[0] == "**":
        return any(matches(words[1:], names[skip:]) for skip in range(len(names) + 1))
    return fnmatch.fnmatchcase(names[0], words[0]) and matches(words[1:], names[1:])


def image(root):
    path = root / "deploy/container/Containerfile"
    text = path.read_text()
    hadolint = command(Path(sys.executable).parent / "hadolint", "--no-color", "--failure-threshold", "info", path)
    require(hadolint.returncode == 0, hadolint.stdout.strip())
    channel = re.search(r'^channel = "(.+)"$', (root / "rust-toolchain.toml").read_text(), re.M)[1]
    versions = set(re.findall(r"rust:([0-9.]+)-|RUSTUP_TOOLCHAIN=(\S+)", text))
    require({one for pair in versions for one in pair if one} == {channel}, f"{path.name} builds with another toolchain than {channel}")
    final = text.split("AS operator")[1].split("\nFROM")[0]
    require("\nUSER 65532:65532\n" in final, "the operator's image does not run as 65532")
    require(not re.search(r"^(ARG|ENV) .*(PASSWORD|SECRET|TOKEN|KEY)", text, re.M), "a secret has a place in the image")
    patterns = [line for line in (root / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    for secret in SECRETS:
        require(ignored(patterns, secret), f".dockerignore lets {secret} in")
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", text, re.M)
    for source in " ".join(copied).replace("\\", " ").split():
        require((root / source).exists(), f"{path.name} copies {source}, which is not there")
    tracked = command("git", "ls-files", "crates", "components", "sdk", "wit", "tests/components", "contracts/tools", "contracts/package.json",
                      "contracts/package-lock.json", "Cargo.toml", "Cargo.lock", "scripts/setup-foundry", "deploy/compose/setup", "deploy/compose/ask", cwd=root)
    for source in tracked.stdout.splitlines():
        require(not ignored(patterns, source), f".dockerignore keeps {source} out, which the build needs")


# The local network


def compose(root):
    path = root / "deploy/compose/compose.yaml"
    (file,) = read_yaml(path)
    schema = Path(jsonschema.__file__).parents[1] / "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    errors = list(jsonschema.Draft202012Validator(json.loads(schema.read_text())).iter_errors(file))
    require(not errors, "; ".join(f"{error.json_path}: {error.message}" for error in errors))
    services, volumes = file["services"], set(file["volumes"])
    for name, service in services.items():
        for dependency in service.get("depends_on", ()):
            require(dependency in services, f"{name} waits for {dependency}, which is not there")
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            there = (path.parent / source).exists() if source.startswith(".") else source in volumes
            require(there, f"{name} mounts {source}, which is not there")
        for port in service.get("ports", ()):
            require(port.startswith("127.0.0.1:"), f"{name} is open to more than this machine")
        target = service.get("build", {}).get("target")
        require(target is None or f" AS {target}\n" in (root / "deploy/container/Containerfile").read_text(), f"{name} is built from {target}, which is not there")
        require("deploy" not in service and "scale" not in service, f"{name} says how many of it run")
    operators = [name for name in services if name.startswith("operator-")]
    mounts = [volume.split(":")[0] for name in operators for volume in services[name]["volumes"]]
    require(len(mounts) == len(set(mounts)), "two operators share a volume")
    (prometheus,) = read_yaml(path.parent / "prometheus.yml")
    (scrape,) = prometheus["scrape_configs"]
    require(scrape["job_name"] == "tandem", "the alerts know another job")
    targets = [target.split(":")[0] for one in scrape["static_configs"] for target in one["targets"]]
    require(targets == operators, "Prometheus watches other operators than there are")
    for file in ("grafana/datasources.yml", "grafana/dashboards.yml"):
        (provisioned,) = read_yaml(path.parent / file)
        require(provisioned["apiVersion"] == 1, f"{file} has another version than Grafana's")
    for script in ("setup", "ask"):
        parsed = command("bash", "-n", path.parent / script)
        require(parsed.returncode == 0, parsed.stdout)
    template = (root / "crates/node/src/config_template.toml").read_text()
    for line in re.findall(r"s\|(\^.+?)\|", (path.parent / "setup").read_text()):
        require(re.search(line, template, re.M), f"setup looks for {line}, which operator.toml does not have")


# The chart

# Where the chart mounts what operator.toml names.
PLACES = {
    "directory": "/run/tandem/keys", "password-file": "/run/tandem/password/password",
    "listen": "0.0.0.0:7700", "http": "0.0.0.0:7701",
    "data": "/var/lib/tandem/data", "guard": "/var/lib/tandem-guard/guard",
    "manifests": "/run/tandem/manifests", "components": "/var/lib/tandem/components",
}
LEAST = {
    "image": {"repository": "registry.example/tandem-operator"},
    "manifests": {"score.json": "{}"},
    "keys": {"secret": "score-keys", "passwordSecret": "score-password"},
}
MOST = LEAST | {
    "image": {"repository": "registry.example/tandem-operator", "digest": "sha256:" + 64 * "0"},
    "imagePullSecrets": [{"name": "registry"}],
    "config": {"existingSecret": "score-config"},
    "secretEnvironment": "score-secrets",
    "storage": {"data": {"size": "20Gi", "storageClass": "fast"}, "guard": {"size": "1Gi", "storageClass": "other"}, "accessMode": "ReadWriteOnce"},
    "service": {"type": "NodePort", "nodePort": 30770, "annotations": {"a": "b"}},
    "updateStrategy": "OnDelete",
    "networkPolicy": {"egress": [{"to": [{"podSelector": {}}], "ports": [{"port": 8545, "protocol": "TCP"}]}]},
    "podDisruptionBudget": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "nodeSelector": {"e": "f"},
    "tolerations": [{"key": "g", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}}},
    "priorityClassName": "high",
}


def operator_toml(root):
    """What `tandem operator init` writes, with the chart's places in it."""
    text = (root / "crates/node/src/config_template.toml").read_text()
    for key, place in PLACES.items():
        text, found = re.subn(rf"^(# )?{key} = .*$", f'{key} = "{place}"', text, flags=re.M)
        require(found == 1, f"operator.toml has {found} keys called {key}")
    return text


def taken(toml):
    """Values that the chart takes: the least, the most, and those for the database."""
    least = LEAST | {"config": {"toml": toml}}
    return [least, MOST, least | {"maintenance": True}]


def refused(toml):
    """Values that it refuses, by what is wrong with them."""
    least = LEAST | {"config": {"toml": toml}}
    elsewhere = {f"another place for {key}": least | {"config": {"toml": toml.replace(f'{key} = "{place}"', f'{key} = "elsewhere"')}} for key, place in PLACES.items()}
    return elsewhere | {
        "nothing said": {},
        "two replicas": least | {"replicas": 2},
        "a volume for many": least | {"storage": {"accessMode": "ReadWriteMany"}},
        "two configurations": least | {"config": {"toml": toml, "existingSecret": "score-config"}},
        "no manifest": {key: value for key, value in least.items() if key != "manifests"},
    }


def render(chart, values):
    rendered = chart.render(values, name="score", namespace="tandem")
    manifests = [text for name, text in rendered.items() if name.endswith(".yaml")]
    return [one for text in manifests for one in yaml.safe_load_all(text) if one is not None]


def is_refused(chart, values):
    try:
        chart.render(values, name="score", namespace="tandem")
        return False
    except helm.HelmError:
        return True


def check_monitor(monitor):
    """Of a CustomResourceDefinition there is no schema: what this one needs."""
    require(set(monitor) == {"apiVersion", "kind", "metadata", "spec"} and set(monitor["spec"]) == {"selector", "endpoints"}, "ServiceMonitor: other keys than it has")
    (endpoint,) = monitor["spec"]["endpoints"]
    require(endpoint["relabelings"][0]["replacement"] == "tandem", "ServiceMonitor: the alerts know another job")


def check_objects(objects):
    kinds = [one["kind"] for one in objects]
    require(kinds.count("StatefulSet") == 1 and not {"Deployment", "DaemonSet", "ReplicaSet", "Job"} & set(kinds), "the operator is not one StatefulSet")
    for one in objects:
        name = f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] == "ServiceMonitor":
            check_monitor(one)
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                raise Broken(f"{name}, Kubernetes {version}: {error.message}") from error
            except kubernetes_validate.SchemaNotFoundError as error:
                raise Broken(error.message) from error
    (operator,) = [one for one in objects if one["kind"] == "StatefulSet"]
    spec = operator["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    require(operator["spec"]["replicas"] == 1, "more or less than one replica")
    require(container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
            and spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, "the pod is not restricted")
    there = {volume["name"] for volume in spec["volumes"]} | {claim["metadata"]["name"] for claim in operator["spec"]["volumeClaimTemplates"]}
    require({mount["name"] for mount in container["volumeMounts"]} == there, "volumes and mounts differ")
    labels = operator["spec"]["template"]["metadata"]["labels"]
    for one in objects:
        selector = {"Service": lambda: one["spec"]["selector"], "NetworkPolicy": lambda: one["spec"]["podSelector"]["matchLabels"]}.get(one["kind"], dict)()
        require(selector.items() <= labels.items(), f"{one['kind']} {one['metadata']['name']} selects another pod")


def chart(root):
    toml = operator_toml(root)
    try:
        with helm.Chart.load(str(root / CHART)) as loaded:
            for values in taken(toml):
                check_objects(render(loaded, values))
            for what, values in refused(toml).items():
                require(is_refused(loaded, values), f"the chart takes {what}")
    except (helm.HelmError, yaml.YAMLError) as error:
        raise Broken(str(error)) from error


# Unit, alerts, dashboard


def unit(root):
    analyze = shutil.which("systemd-analyze")
    path = root / "deploy/systemd/tandem-operator@.service"
    require("RestartPreventExitStatus=2 3\n" in path.read_text(), "the unit starts again what a person has to look at")
    if analyze is None:
        return "not checked: there is no systemd-analyze"
    with tempfile.TemporaryDirectory() as directory:
        # An instance, with a program that is there.
        instance = Path(directory) / "tandem-operator@score.service"
        instance.write_text(path.read_text().replace("/usr/local/bin/tandem ", "/bin/true "))
        verified = command(analyze, "verify", "--man=no", instance)
    # Keys that it does not know are warnings only.
    words = [line for line in verified.stdout.splitlines() if "tandem-operator" in line]
    require(verified.returncode == 0 and not words, "\n".join(words) or verified.stdout)
    return None


def documented(root):
    """The metrics of the guide, with the names that a histogram has."""
    rows = re.findall(r"^\| (`tandem_.*?) \|", (root / "docs/guide/operator.md").read_text(), re.M)
    names = {name for row in rows for name in re.findall(r"`(tandem_[a-z_]+)", row)}
    require(names, "the guide lists no metrics")
    return names | {f"{name}_{suffix}" for name in names if name.endswith("_seconds") for suffix in ("bucket", "sum", "count")}


def check_expression(where, expression, names):
    try:
        promql_parser.parse(expression)
    except ValueError as error:
        raise Broken(f"{where}: {error}: {expression}") from error
    unknown = set(re.findall(r"\btandem_[a-z_]+", expression)) - names
    require(not unknown, f"{where}: the guide does not have {', '.join(sorted(unknown))}")


def alerts(root):
    names = documented(root)
    (file,) = read_yaml(root / "deploy/prometheus/alerts.yml")
    require(set(file) == {"groups"}, "groups, and nothing else")
    seen = set()
    for group in file["groups"]:
        require(set(group) <= {"name", "interval", "rules"} and group["rules"], f"group {group.get('name')}: other keys than it has")
        for rule in group["rules"]:
            alert = rule.get("alert")
            require(set(rule) <= {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"} and alert, f"{alert}: other keys than it has")
            require(alert not in seen, f"{alert}: twice")
            seen.add(alert)
            require(rule.get("labels", {}).get("severity") in ("critical", "warning", "info"), f"{alert}: no severity")
            require({"summary", "action"} <= set(rule.get("annotations", {})), f"{alert}: does not say what it is and what to do")
            require(re.fullmatch(r"([0-9]+(ms|[smhdwy]))+", rule.get("for", "0s")), f"{alert}: for {rule.get('for')}")
            check_expression(alert, rule.get("expr", ""), names)


def dashboard(root):
    names = documented(root)
    for path in sorted((root / "deploy/grafana").glob("*.json")):
        try:
            board = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise Broken(f"{path.name}: {error}") from error
        require({"title", "uid", "schemaVersion", "panels"} <= set(board), f"{path.name}: not a dashboard")
        ids = [panel["id"] for panel in board["panels"]]
        require(len(ids) == len(set(ids)), f"{path.name}: two panels have one id")
        targets = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", ())]
        require(targets, f"{path.name}: shows nothing")
        for title, expression in targets:
            # What Grafana puts in.
            plain = re.sub(r"\$__(rate_)?interval\b", "5m", expression)
            check_expression(f"{path.name}, {title}", plain, names)


CHECKS = {"image": image, "compose": compose, "chart": chart, "unit": unit, "alerts": alerts, "dashboard": dashboard}

# One thing that is broken, and who has to notice.
BREAKS = [
    ("image", "deploy/container/Containerfile", "FROM ${BASE} AS operator", "FORM ${BASE} AS operator"),
    ("image", "deploy/container/Containerfile", "USER 65532:65532\nWORKDIR", "USER 0:0\nWORKDIR"),
    ("image", "deploy/container/Containerfile", "rust:1.95.0-", "rust:1.80.0-"),
    ("image", ".dockerignore", "**/bls.json\n", ""),
    ("image", ".dockerignore", "!crates\n", ""),
    ("compose", "deploy/compose/compose.yaml", "restart: on-failure", "restrat: on-failure"),
    ("compose", "deploy/compose/compose.yaml", "data-2:/var/lib/tandem\"", "data-1:/var/lib/tandem\""),
    ("compose", "deploy/compose/compose.yaml", "127.0.0.1:9090:9090", "9090:9090"),
    ("compose", "deploy/compose/prometheus.yml", "job_name: tandem", "job_name: nodes"),
    ("compose", "deploy/compose/setup", "done\n", "\n"),
    ("compose", "crates/node/src/config_template.toml", "# guard = ", "# watch = "),
    ("chart", f"{CHART}/templates/statefulset.yaml", "replicas: 1", "replicas: 2"),
    ("chart", f"{CHART}/templates/statefulset.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true"),
    ("chart", f"{CHART}/templates/statefulset.yaml", "terminationGracePeriodSeconds: {{", "terminationGracePeriod: {{"),
    ("chart", f"{CHART}/templates/network-policy.yaml", "networking.k8s.io/v1", "networking.k8s.io/v1beta1"),
    ("chart", f"{CHART}/templates/services.yaml", "{{ include", "{{ inclde"),
    ("chart", f"{CHART}/values.schema.json", "\"additionalProperties\": false,\n  \"required\"", "\"required\""),
    ("chart", f"{CHART}/values.yaml", "accessMode: ReadWriteOncePod", "accessMode: ReadWriteMany"),
    ("chart", f"{CHART}/templates/_helpers.tpl", "(tuple \"guard\" \"/var/lib/tandem-guard/guard\")", ""),
    ("unit", "deploy/systemd/tandem-operator@.service", "NoNewPrivileges=", "NoNewPrivilege="),
    ("unit", "deploy/systemd/tandem-operator@.service", "RestartPreventExitStatus=2 3\n", ""),
    ("alerts", "deploy/prometheus/alerts.yml", "expr: tandem_healthy == 0", "expr: tandem_healthy == "),
    ("alerts", "deploy/prometheus/alerts.yml", "tandem_balance_ether <", "tandem_balance <"),
    ("alerts", "deploy/prometheus/alerts.yml", "  - name: tandem-operator\n    rules:", "  - name: tandem-operator\n    rule:"),
    ("dashboard", "deploy/grafana/tandem-operator.json", "tandem_healthy{", "tandem_health{"),
    ("dashboard", "deploy/grafana/tandem-operator.json", "{", ""),
]


def problem(check, root):
    """Why the check fails; none when it does not. And what it has to say else."""
    try:
        return None, CHECKS[check](root)
    except Broken as broken:
        return str(broken), None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"not in the form that it has: {error!r}", None


def prove(root, verbose):
    """Breaks files in a copy. Returns how many breaks were not noticed."""
    missed = 0
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        files = command("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=root).stdout.splitlines()
        for name in files:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, copy / name)
        command("git", "init", "--quiet", cwd=copy)
        command("git", "add", "--all", cwd=copy)
        for check, name, old, new in BREAKS:
            path = copy / name
            text = path.read_text()
            require(old in text, f"{name} has no {old!r} to break")
            path.write_text(text.replace(old, new, 1))
            found, _ = problem(check, copy)
            path.write_text(text)
            missed += found is None
            said = (found or "NOT NOTICED").splitlines()[0]
            if verbose or found is None:
                print(f"{check:10} {name}: {old.strip()!r} → {new.strip()!r}\n           {said[:200]}")
    return missed


def main(root, *options):
    failed = False
    for check in CHECKS:
        found, note = problem(check, root)
        failed |= found is not None
        if found is None:
            print(f"deploy: {check}: {note or 'ok'}")
        else:
            print(f"error: {check}: {found}", file=sys.stderr)
    if "--prove" in options and not failed:
        missed = prove(root, "--verbose" in options)
        print(f"deploy: {len(BREAKS) - missed} of {len(BREAKS)} breaks noticed")
        failed = missed > 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))

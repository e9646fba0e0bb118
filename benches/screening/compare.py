"""Compares the name matching of vultus with that of nomenklatura's logic-v2: same pairs, one run.

    cargo build --release -p vultus-evaluate
    python3 -m venv target/nomenklatura
    target/nomenklatura/bin/pip install nomenklatura==4.17.4
    target/nomenklatura/bin/python benches/screening/compare.py --data DIR

DIR is the folder of `vultus-evaluate sanctions`, with the lists in it. There are two sets of pairs:

- labelled: name_pairs.csv. We chose the weights of vultus after reading these pairs.
- listed: made here from OFAC's SDN list, and used for nothing else. Same: a primary name and one of its strong aliases.
  Different: primary names of two entries that have a word in common, and no alias.
"""

import argparse
import csv
import json
import random
import shutil
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from followthemoney import model
from nomenklatura.matching import LogicV2
from nomenklatura.matching.types import ScoringConfig

SEED = 1
PAIRS_OF_A_KIND = 1000
# The thresholds to try, the same as in `vultus-evaluate`.
THRESHOLDS = [percent / 100 for percent in range(30, 95)]
DEFAULT_THRESHOLD = 0.7
SCHEMATA = {"individual": "Person", "vessel": "Vessel", "aircraft": "Airplane"}


def read_csv(path):
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        return [[cell.strip() for cell in row] for row in csv.reader(file) if len(row) > 1]


def given_name_first(name, schema):
    last, comma, first = name.partition(", ")
    return f"{first} {last}" if comma and schema == "Person" else name


def listed_pairs(lists):
    """Rows of the form of name_pairs.csv, made from OFAC's SDN list."""
    schemata = {row[0]: SCHEMATA.get(row[2], "Company") for row in read_csv(lists / "sdn.csv")}
    names = {row[0]: given_name_first(row[1], schemata[row[0]]) for row in read_csv(lists / "sdn.csv")}
    aliases = defaultdict(list)
    for row in read_csv(lists / "alt.csv"):
        aliases[row[0]].append(given_name_first(row[3], schemata[row[0]]))
    bearers = defaultdict(list)
    for key, name in names.items():
        for word in set(name.lower().split()):
            bearers[word].append(key)
    chance = random.Random(SEED)
    same = [(schemata[key], names[key], alias, "true") for key in names for alias in aliases[key]]
    different = []
    for key in chance.sample(sorted(names), len(names)):
        others = {other for word in names[key].lower().split() for other in bearers[word]}
        known = {names[key], *aliases[key]}
        alike = [other for other in sorted(others - {key}) if schemata[other] == schemata[key]
                 and not known & {names[other], *aliases[other]}]
        if alike:
            different.append((schemata[key], names[key], names[chance.choice(alike)], "false"))
    chosen = chance.sample(same, PAIRS_OF_A_KIND) + chance.sample(different, PAIRS_OF_A_KIND)
    return [dict(zip(("schema", "name1", "name2", "is_match"), pair)) for pair in chosen]


def f1(scored, threshold):
    right = sum(same and score >= threshold for score, same in scored)
    wrong = sum(same != (score >= threshold) for score, same in scored)
    return 2 * right / max(2 * right + wrong, 1)


def nomenklatura(pairs):
    config = ScoringConfig.defaults()

    def entity(schema, name, key):
        made = model.make_entity(schema)
        made.id = key
        made.add("name", name)
        return made

    scored = []
    for at, pair in enumerate(pairs):
        # It remembers what it has made of an id.
        one, two = (entity(pair["schema"], pair[name], f"{name}-{id(pairs)}-{at}") for name in ("name1", "name2"))
        scored.append((LogicV2.compare(one, two, config).score, pair["is_match"] == "true"))
    best = max(THRESHOLDS, key=lambda threshold: f1(scored, threshold))
    return {"f1_default": f1(scored, DEFAULT_THRESHOLD), "f1_best": f1(scored, best), "best": best}


def vultus(program, data, pairs):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in ("un_queries_positive.csv", "negatives.csv"):
            shutil.copy(data / name, folder)
        with open(folder / "name_pairs.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["schema", "name1", "name2", "is_match"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(pairs)
        command = [program, "sanctions", "--data", folder, "--lists", data, "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--program", default="target/release/vultus-evaluate")
    options = arguments.parse_args()
    with open(options.data / "name_pairs.csv", encoding="utf-8", newline="") as file:
        labelled = list(csv.DictReader(file))
    print("| pairs | | vultus at 0.7 | logic-v2 at 0.7 | vultus at its best threshold | logic-v2 at its best threshold |")
    print("|---|---|---|---|---|---|")
    for name, pairs in (("labelled", labelled), ("listed", listed_pairs(options.data))):
        ours, theirs = vultus(options.program, options.data, pairs), nomenklatura(pairs)
        print(f"| {name} | {len(pairs)} | {ours['f1']:.3f} | {theirs['f1_default']:.3f} "
              f"| {ours['f1_at_best_threshold']:.3f} ({ours['best_threshold']:.2f}) "
              f"| {theirs['f1_best']:.3f} ({theirs['best']:.2f}) |")


if __name__ == "__main__":
    main()

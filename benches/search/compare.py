#!/usr/bin/env python3
"""Searches the same vectors with the gallery crate, faiss and usearch, in one run, and prints a table.

    python3 -m venv target/compare && target/compare/bin/pip install faiss-cpu==1.15.1 usearch==2.26.6 numpy
    target/compare/bin/python benches/search/compare.py 100000

One thread searches one probe at a time. The vectors come from `crates/gallery/benches/scale.rs`, which explains how they
are made. Recall is the share of probes whose best hit is that of faiss' exact search (IndexFlatIP). `--no-graphs` leaves out the
graph indices (HNSW), which take long to build for a million vectors.
"""

import argparse
import pathlib
import re
import subprocess
import tempfile
import time

import faiss
import numpy
from usearch.index import Index

DIMENSION = 512
PROBES = 2_000
# The parameters that the papers and both libraries suggest to start with: 16 neighbours (faiss counts both directions).
NEIGHBOURS, BUILD_EFFORT, SEARCH_EFFORT = 16, 64, 64


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("embeddings", type=int)
    parser.add_argument("--no-graphs", action="store_true")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "bench", "-q", "-p", "vultus-gallery", "--bench", "scale", "--",
                   str(options.embeddings), "--write", folder]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        gallery, probes = (numpy.fromfile(pathlib.Path(folder, name), numpy.float32).reshape(-1, DIMENSION)
                           for name in ("gallery.f32", "probes.f32"))
    truth = report_faiss("faiss IndexFlatIP", faiss.IndexFlatIP(DIMENSION), gallery, probes[:200], None)
    report_vultus(text, "vultus, exact", r"exact, 1 thread", r"exact against 32-bit floats: recall@1 ([\d.]+)", None)
    if "index: computed" in text:
        report_vultus(text, "vultus, approximate", r"approximate, 1 thread", r"approximate: recall@1 ([\d.]+)",
                      r"computed in ([\d.]+)(m?)s, adopted in ([\d.]+)(m?)s")
    if not options.no_graphs:
        index = faiss.IndexHNSWFlat(DIMENSION, 2 * NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = BUILD_EFFORT, SEARCH_EFFORT
        report_faiss("faiss IndexHNSWFlat", index, gallery, probes, truth)
        report_usearch("usearch, f16", "f16", gallery, probes, truth)
        report_usearch("usearch, i8", "i8", gallery, probes, truth)


def report(name, milliseconds, recall, build):
    p50, p99 = numpy.percentile(milliseconds, [50, 99]) if len(milliseconds) > 2 else milliseconds
    print(f"| {name} | {p50:.2f} ms | {p99:.2f} ms | {recall:.4f} | {build} |", flush=True)


def report_vultus(text, name, start, recall, build):
    p50, p99 = re.search(start + r".*?p50 ([\d.]+) ms, p99 ([\d.]+) ms", text).groups()
    found = re.search(recall, text)
    parts = re.search(build, text).groups() if build else ("0", "", "0", "")
    seconds = sum(float(value) / (1_000 if milli else 1) for value, milli in zip(parts[::2], parts[1::2]))
    recall = float(found.group(1)) if found else 1.0
    report(name, (float(p50), float(p99)), recall, f"{seconds:.1f} s, two threads" if build else "none")


def report_faiss(name, index, gallery, probes, truth):
    _, build = timed(lambda: index.add(gallery))
    results = [timed(lambda probe=probe: index.search(probe[None], 1)) for probe in probes]
    found = numpy.array([labels[0, 0] for (_, labels), _ in results])
    truth = found if truth is None else truth
    report(name, [1e3 * seconds for _, seconds in results], recall(found, truth), f"{build:.0f} s, one thread")
    return truth


def report_usearch(name, dtype, gallery, probes, truth):
    index = Index(ndim=DIMENSION, metric="cos", dtype=dtype, connectivity=NEIGHBOURS, expansion_add=BUILD_EFFORT,
                  expansion_search=SEARCH_EFFORT)
    _, build = timed(lambda: index.add(numpy.arange(len(gallery)), gallery, threads=1))
    results = [timed(lambda probe=probe: index.search(probe, 1, threads=1)) for probe in probes]
    found = numpy.array([int(matches.keys[0]) for matches, _ in results])
    report(name, [1e3 * seconds for _, seconds in results], recall(found, truth), f"{build:.0f} s, one thread")


def recall(found, truth):
    """Photos of one person stand side by side: the person counts, not the photo."""
    return float((found[:len(truth)] // 2 == truth // 2).mean())


def timed(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    main()

"""``mammoviewer models quantise``: the int8 form of a model, kept where it says what the float one says."""

from __future__ import annotations

import argparse
import json

from mammoviewer.base.errors import ArgumentError
from mammoviewer.cli.evaluate import find_model
from mammoviewer.datasets.layouts import load_cases
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.quantise import quantised
from mammoviewer.training.quantise_data import examples_of, write_int8_section


def quantise_model(args: argparse.Namespace) -> int:
    """Make the int8 form of a model and write its figures into manifest and card; return 0, or 1 if it is not kept."""
    if args.name is None or args.data is None:
        raise ArgumentError("models quantise needs a model, or its folder, and --data")
    manifest = find_model(args.name)
    cases = load_cases(args.data)
    found = examples_of(OnnxModel(manifest), cases, limit=args.limit, force=args.force)
    facts = quantised(manifest.folder, found.patches, found.labels, found.patients)
    write_int8_section(manifest.folder, facts, cases.layout)
    if args.json:
        print(json.dumps(facts, indent=2))
    else:
        verdict = "kept" if facts["kept"] else f"not kept: {facts['reason']}"
        agreement = f"mean |dp| {facts['mean_abs_dp']:.4f}, largest {facts['max_abs_dp']:.3f}"
        print(f"{manifest.identity}  int8 {verdict}; {agreement}, {facts['speed_up']:.2f} times as fast")
    return 0 if facts["kept"] else 1

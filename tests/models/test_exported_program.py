"""Exported programs that would run code when PyTorch loads them: each does so in PyTorch, and none of it here."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drift.errors import ArchiveError
from drift.models.exported_program import (
    CONSTANTS,
    LARGEST_PROGRAM,
    PROGRAM,
    SAMPLE_INPUTS,
    WEIGHTS,
    RefusedProgramError,
    checked,
    load_program,
)
from drift.models.network import Shape, TableNet
from drift.models.predict import LocalPredictor, require_program
from drift.models.quantiles import fit_quantile_ranks
from tests.fakes import stream

Records = dict[str, bytes]
WIDTH = 3


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (_touch, (str(self.marker),))


def _touch(marker: str) -> torch.Tensor:
    Path(marker).touch()
    return torch.zeros(4, WIDTH)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, exported."""
    path = tmp_path_factory.mktemp("honest") / "model.pt2"
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(WIDTH, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2), torch.nn.Softmax(1))
    LocalPredictor(net).to_file(path, width=WIDTH)
    return path


def records_of(path: Path) -> Records:
    """The entries of an archive, by name."""
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def write(records: Records, path: Path) -> Path:
    """An archive of these entries, as PyTorch writes one."""
    writer = torch._C.PyTorchFileWriter(str(path))
    writer.set_min_version(6)
    for name, content in records.items():
        if not name.startswith(".data/"):
            writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    return path


def torch_saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def changed(records: Records, name: str, change: Callable[[Any], object]) -> None:
    """Change an entry that is JSON, in place."""
    value = json.loads(records[name])
    change(value)
    records[name] = json.dumps(value).encode()


def pickled_weight(records: Records, marker: Path) -> None:
    def change(config: Any) -> None:
        config["config"]["0.weight"]["use_pickle"] = True

    changed(records, WEIGHTS, change)
    records["data/weights/weight_0"] = torch_saved(Payload(marker))


def pickled_constant(records: Records, marker: Path) -> None:
    meta = json.loads(records[WEIGHTS])["config"]["0.weight"]["tensor_meta"]
    entry = {"path_name": "tensor_0", "is_param": False, "use_pickle": True, "tensor_meta": meta}
    changed(records, CONSTANTS, lambda config: config["config"].update(extra=entry))
    records["data/constants/tensor_0"] = torch_saved(Payload(marker))


def opaque_constant(records: Records, marker: Path) -> None:
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    changed(records, CONSTANTS, lambda config: config["config"].update(extra=entry))
    records["data/constants/opaque_obj_0"] = pickle.dumps(Payload(marker))


def legacy_weights(records: Records, marker: Path) -> None:
    records["data/weights/model.pt"] = torch_saved({"0.weight": Payload(marker)})


def second_model(records: Records, marker: Path) -> None:
    """Another program in the same archive, which is loaded, too, though nobody asks for it."""
    records["models/other.json"] = records[PROGRAM]
    records["data/weights/other_weights_config.json"] = records[WEIGHTS]
    records["data/constants/other_constants_config.json"] = records[CONSTANTS]
    records["data/sample_inputs/other.pt"] = torch_saved((Payload(marker),))


def evaluated_size(records: Records, marker: Path) -> None:
    """SymPy evaluates the text of a size as Python."""
    code = f"__import__('pathlib').Path({str(marker)!r}).touch() or 2"

    def change(program: Any) -> None:
        sizes = program["graph_module"]["graph"]["tensor_values"]["input"]["sizes"]
        sizes[0]["as_expr"]["expr_str"] = code

    changed(records, PROGRAM, change)


def guard_code(records: Records, marker: Path) -> None:
    """Guards are Python, compiled when the network is unpacked and run at each call."""
    code = f"__import__('pathlib').Path({str(marker)!r}).touch() or True"
    changed(records, PROGRAM, lambda program: program.update(guards_code=[code]))


RUN_BY_TORCH = [
    pickled_weight,
    pickled_constant,
    opaque_constant,
    legacy_weights,
    second_model,
    evaluated_size,
]


@pytest.mark.parametrize("attack", RUN_BY_TORCH, ids=lambda attack: attack.__name__)
def test_what_torch_would_run_is_refused_and_not_run(
    honest: Path, tmp_path: Path, attack: Callable[[Records, Path], None]
) -> None:
    records, marker = records_of(honest), tmp_path / "ran"
    attack(records, marker)
    forged = write(records, tmp_path / "forged.pt2")
    for load in (load_program, LocalPredictor.from_file, require_program):
        with pytest.raises((RefusedProgramError, ArchiveError)):
            load(forged)
    assert not marker.exists()
    try:
        torch.export.load(forged)
    except Exception:
        assert marker.exists(), "the attack does not work in PyTorch either, so that this test shows nothing"
    assert marker.exists()


def test_guards_that_are_python_are_left_out(honest: Path, tmp_path: Path) -> None:
    records, marker = records_of(honest), tmp_path / "ran"
    guard_code(records, marker)
    forged = write(records, tmp_path / "forged.pt2")
    load_program(forged)(torch.zeros(2, WIDTH))
    assert not marker.exists()
    torch.export.load(forged).module()(torch.zeros(2, WIDTH))
    assert marker.exists()


def test_inputs_that_were_pickled_with_the_network_are_left_out(honest: Path, tmp_path: Path) -> None:
    """PyTorch itself always pickles them, and falls back to running whatever they hold."""
    records, marker = records_of(honest), tmp_path / "ran"
    records[SAMPLE_INPUTS] = torch_saved(((Payload(marker),), {}))
    forged = write(records, tmp_path / "forged.pt2")
    rows = torch.randn(5, WIDTH)
    assert torch.equal(load_program(forged)(rows), load_program(honest)(rows))
    assert not marker.exists()
    logging.disable()  # what PyTorch says of it does not fit its own format
    try:
        torch.export.load(forged)
    finally:
        logging.disable(logging.NOTSET)
    assert marker.exists()


def system_call(records: Records) -> None:
    """An operator is found by attribute, from `torch` on, which imports `os`."""

    def change(program: Any) -> None:
        node = json.loads(json.dumps(program["graph_module"]["graph"]["nodes"][1]))
        node.update(target="torch.os.mkdir", outputs=[], name="made")
        node["inputs"] = [{"name": "path", "arg": {"as_string": "made"}, "kind": 1}]
        program["graph_module"]["graph"]["nodes"].insert(0, node)

    changed(records, PROGRAM, change)


def library(records: Records) -> None:
    records["data/aotinductor/model/model.so"] = b"\x7fELF"


def file_reader(records: Records) -> None:
    def change(program: Any) -> None:
        program["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.from_file.default"

    changed(records, PROGRAM, change)


def name_with_code(records: Records) -> None:
    """FX writes names into the Python source of `forward`."""
    records[PROGRAM] = records[PROGRAM].replace(b'"relu"', b'"relu\\"]; import os; x = [\\""')


def imported_container(records: Records) -> None:
    records[PROGRAM] = records[PROGRAM].replace(b"builtins.tuple", b"antigravity.fly")


def operator_argument(records: Records) -> None:
    def change(program: Any) -> None:
        program["graph_module"]["graph"]["nodes"][0]["inputs"][0]["arg"] = {"as_operator": "torch.os.system"}

    changed(records, PROGRAM, change)


def path_out_of_the_archive(records: Records) -> None:
    def change(config: Any) -> None:
        config["config"]["0.weight"]["path_name"] = "../../models/model.json"

    changed(records, WEIGHTS, change)


def higher_order(records: Records) -> None:
    def change(program: Any) -> None:
        program["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.higher_order.cond"

    changed(records, PROGRAM, change)


def unchecked_offsets(records: Records) -> None:
    """Reads memory behind the tensor, at offsets of one's choice."""
    _target(records, "torch.ops.aten.segment_reduce.default")


def unchecked_indices(records: Records) -> None:
    """Writes there."""
    _target(records, "torch.ops.aten._sparse_coo_tensor_unsafe.default")


def printer(records: Records) -> None:
    """Writes to the terminal from C++, where nothing is escaped."""
    _target(records, "torch.ops.aten._print.default")


def into_another_tensor(records: Records) -> None:
    _target(records, "torch.ops.aten.relu.out")


def attribute_path(records: Records) -> None:
    """The name of a parameter becomes `self.NAME` in the generated code."""
    _rename_weight(records, "__class__.add_module.__globals__")


def method_of_the_module(records: Records) -> None:
    _rename_weight(records, "forward")


def parameter_of_no_tensor(records: Records) -> None:
    def change(program: Any) -> None:
        program["graph_module"]["signature"]["input_specs"][0]["parameter"]["parameter_name"] = "elsewhere"

    changed(records, PROGRAM, change)


def item_by_text(records: Records) -> None:
    _target(records, "_operator.getitem")


def larger_than_its_bytes(records: Records) -> None:
    def change(config: Any) -> None:
        meta = config["config"]["0.weight"]["tensor_meta"]
        meta["sizes"], meta["strides"] = [{"as_int": 10**6}, {"as_int": 10**6}], [{"as_int": 0}, {"as_int": 0}]

    changed(records, WEIGHTS, change)


def weight_without_memory(records: Records) -> None:
    """What is computed of it is memory of this process that was never written, of other clients' rows for one."""

    def change(config: Any) -> None:
        config["config"]["0.weight"]["tensor_meta"]["device"] = {"type": "meta", "index": None}

    changed(records, WEIGHTS, change)


def weight_of_sparse_layout(records: Records) -> None:
    def change(config: Any) -> None:
        config["config"]["0.weight"]["tensor_meta"]["layout"] = 1

    changed(records, WEIGHTS, change)


def weight_of_quantised_numbers(records: Records) -> None:
    def change(config: Any) -> None:
        config["config"]["0.weight"]["tensor_meta"]["dtype"] = 30

    changed(records, WEIGHTS, change)


def constant_on_another_device(records: Records) -> None:
    def change(program: Any) -> None:
        node = program["graph_module"]["graph"]["nodes"][1]
        node["inputs"].append({"name": "device", "arg": {"as_device": {"type": "meta", "index": None}}, "kind": 2})

    changed(records, PROGRAM, change)


def division_that_ends_the_process(records: Records) -> None:
    """The smallest whole number by -1, cut: a signal, no error."""
    _target(records, "torch.ops.aten.div.Tensor_mode")


def operator_on_python_numbers(records: Records) -> None:
    """A remainder by 0 of the kind that TorchScript has: a signal, no error."""
    _target(records, "torch.ops.aten.remainder.int")


def operator_on_python_texts(records: Records) -> None:
    _target(records, "torch.ops.aten.add.str")


def into_another_tensor_by_another_name(records: Records) -> None:
    _target(records, "torch.ops.aten.topk.values")


def _target(records: Records, target: str) -> None:
    def change(program: Any) -> None:
        program["graph_module"]["graph"]["nodes"][1]["target"] = target

    changed(records, PROGRAM, change)


def _rename_weight(records: Records, name: str) -> None:
    def change(config: Any) -> None:
        config["config"][name] = config["config"].pop("0.weight")

    def change_program(program: Any) -> None:
        program["graph_module"]["signature"]["input_specs"][0]["parameter"]["parameter_name"] = name

    changed(records, WEIGHTS, change)
    changed(records, PROGRAM, change_program)


def no_graph(records: Records) -> None:
    del records[PROGRAM]


def not_json(records: Records) -> None:
    records[PROGRAM] = b"\xff\xfe"


def size_of_text(records: Records) -> None:
    def change(config: Any) -> None:
        config["config"]["0.weight"]["tensor_meta"]["sizes"][0] = {"as_int": "abc"}

    changed(records, WEIGHTS, change)


def size_without_end(records: Records) -> None:
    records[WEIGHTS] = records[WEIGHTS].replace(b'"as_int": 4', b'"as_int": Infinity')


def plan_that_is_no_json(records: Records) -> None:
    def change(program: Any) -> None:
        program["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = "[1, {"

    changed(records, PROGRAM, change)


def node_called_self(records: Records) -> None:
    def change(program: Any) -> None:
        program["graph_module"]["graph"]["nodes"][0]["name"] = "self"

    changed(records, PROGRAM, change)


def deep(records: Records) -> None:
    records[PROGRAM] = b'{"graph_module": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "change",
    [
        system_call, library, file_reader, name_with_code, imported_container, operator_argument,
        path_out_of_the_archive, higher_order, no_graph, not_json, deep, unchecked_offsets, unchecked_indices,
        printer, into_another_tensor, attribute_path, method_of_the_module, parameter_of_no_tensor, item_by_text,
        larger_than_its_bytes, size_of_text, size_without_end, plan_that_is_no_json, node_called_self,
        weight_without_memory, weight_of_sparse_layout, weight_of_quantised_numbers,
        constant_on_another_device, division_that_ends_the_process, operator_on_python_numbers,
        operator_on_python_texts, into_another_tensor_by_another_name,
    ],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_what_no_network_needs_is_refused(honest: Path, tmp_path: Path, change: Callable[[Records], None]) -> None:
    records = records_of(honest)
    change(records)
    with pytest.raises(RefusedProgramError) as refused:
        load_program(write(records, tmp_path / "forged.pt2"))
    assert len(str(refused.value)) < 400
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"not a program", b"PK\x05\x06" + bytes(18)], ids=["empty", "text", "empty zip"]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"model\.pt2 is refused: expected an exported network"):
        LocalPredictor.from_file(path)


def test_a_compressed_archive_is_refused(honest: Path, tmp_path: Path) -> None:
    """A small file could fill the memory."""
    path = tmp_path / "model.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in records_of(honest).items():
            archive.writestr(f"model/{name}", content)
    with pytest.raises(RefusedProgramError, match="compressed"):
        load_program(path)


def test_a_network_of_this_project_answers_as_before(tmp_path: Path) -> None:
    """Bit by bit as PyTorch loads it, for one row and for many."""
    table = stream(300, drift_at=300)
    ranks = fit_quantile_ranks(table.features)
    net = TableNet(ranks, Shape(16, 2, 0.1), 2)
    path = tmp_path / "model.pt2"
    LocalPredictor(net.eval()).to_file(path, width=2)
    theirs, ours = torch.export.load(path).module(), load_program(path)
    for rows in (1, 2, 300):
        features = torch.as_tensor(np.resize(table.features, (rows, 2)))
        assert torch.equal(theirs(features), ours(features))
    assert set(ours.state_dict()) == set(theirs.state_dict())


def test_what_was_checked_can_be_checked_again(honest: Path) -> None:
    once = checked(honest.read_bytes())
    assert records_of_bytes(checked(once)) == records_of_bytes(once)
    assert b"/" not in records_of_bytes(once)[PROGRAM]  # no path of the machine that trained it


def records_of_bytes(content: bytes) -> Records:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {
            name.partition("/")[2]: archive.read(name) for name in archive.namelist() if "serialization_id" not in name
        }


def test_one_record_that_many_entries_name_is_refused(honest: Path, tmp_path: Path) -> None:
    """Each entry would be read and checked anew: an archive of 21 MB kept the reader busy for as long as one likes."""
    path = tmp_path / "model.pt2"
    records = records_of(honest)
    for name, names in {"entries that are larger": range(400), "two entries of one name": [0] * 2}.items():
        with zipfile.ZipFile(path, "w") as archive:
            for entry, content in records.items():
                archive.writestr(f"model/{entry}", content)
            archive.writestr("model/data/weights/weight_100", bytes(3_000 if len(set(names)) > 1 else 1))
            first = archive.filelist[-1]
            for number in names:
                again = copy.copy(first)
                again.filename = f"model/data/weights/weight_{100 + number}"
                archive.filelist.append(again)
        with pytest.raises(RefusedProgramError, match=name):
            load_program(path)


def test_a_file_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    with path.open("wb") as file:
        file.truncate(LARGEST_PROGRAM + 1)
    for load in (load_program, LocalPredictor.from_file, require_program):
        with pytest.raises((RefusedProgramError, ArchiveError), match="a file of 1,073,741,825 bytes, where"):
            load(path)

"""VTK files, read back by VTK's own reader through PyVista, which `make` installs for the tests."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from fastrain.landscape.vtk import write_surface

AXIS = np.array([-1.0, 0.0, 1.0])


@pytest.fixture
def surface() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.random((3, 3)) + 1 / 3, random.random((3, 3))


def test_vtk_reads_back_the_very_numbers(tmp_path, surface) -> None:
    pyvista = pytest.importorskip("pyvista", reason="the extra 'vtk' is not installed: pip install '.[vtk]'")
    loss, accuracy = surface
    write_surface(tmp_path / "a.vts", AXIS, loss, accuracy)
    grid = pyvista.read(tmp_path / "a.vts")
    assert grid.dimensions == (3, 3, 1) and grid.n_cells == 4
    assert set(grid.point_data) == {"loss", "log10_loss", "accuracy", "finite"}
    assert grid.active_scalars_name == "loss"
    for k, (x, y, z) in enumerate(np.asarray(grid.points)):
        i, j = AXIS.tolist().index(x), AXIS.tolist().index(y)
        assert z == grid["loss"][k] == loss[i, j]
        assert grid["accuracy"][k] == accuracy[i, j]
        assert grid["log10_loss"][k] == pytest.approx(np.log10(loss[i, j]), abs=1e-15)
    assert grid["finite"].all()


def test_a_loss_that_is_no_number_lies_at_the_greatest_and_is_marked(tmp_path, surface) -> None:
    pyvista = pytest.importorskip("pyvista", reason="the extra 'vtk' is not installed: pip install '.[vtk]'")
    loss, accuracy = surface
    loss[0, 0], loss[2, 1], loss[1, 1] = np.nan, np.inf, 0.0
    write_surface(tmp_path / "a.vts", AXIS, loss, accuracy)
    grid = pyvista.read(tmp_path / "a.vts")
    greatest = loss[np.isfinite(loss)].max()
    order = [(i, j) for j in range(3) for i in range(3)]
    assert [(i, j) for (i, j), finite in zip(order, grid["finite"], strict=True) if not finite] == [(0, 0), (2, 1)]
    assert grid["loss"][0] == greatest and np.isfinite(grid["log10_loss"]).all()


def test_without_a_finite_loss_there_is_no_surface(tmp_path, surface) -> None:
    with pytest.raises(ValueError, match="no loss is finite"):
        write_surface(tmp_path / "a.vts", AXIS, np.full((3, 3), np.nan), surface[1])
    assert not list(tmp_path.iterdir())


def test_the_file_is_xml_whose_arrays_are_as_long_as_they_should_be(tmp_path, surface) -> None:
    write_surface(tmp_path / "a.vts", AXIS, *surface)
    arrays = ElementTree.parse(tmp_path / "a.vts").getroot().findall(".//DataArray")
    lengths = {array.get("Name"): len((array.text or "").split()) for array in arrays}
    assert lengths == {"loss": 9, "log10_loss": 9, "accuracy": 9, "finite": 9, "Points": 27}

"""Laws of what has no weights: global alignment, texture alignment, composition, label tables, background, flow."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.testing.world import ToyWorld
from datasets.errors import MissingInputError
from methods.layers.background import background_of, inpaint, temporal_median, without_person
from methods.region_to_whole.alignment import align, alignment, box_of
from methods.region_to_whole.config import LabelsConfig
from methods.region_to_whole.flow import backward_flow, confidence, warp_previous
from methods.region_to_whole.inputs import (
    View,
    compose,
    cut,
    cut_regions,
    harden,
    layout_of,
    parsing_kind,
    read_layout,
    six_classes,
    sum_regions,
)
from methods.region_to_whole.networks import align_texture, mean_colour, refine

LIMITS = (0.2, 5.0)


def box_mask(top: int, left: int, height: int, width: int, size: int = 64) -> Tensor:
    """(1, 1, size, size) with a filled box."""
    mask = torch.zeros(1, 1, size, size)
    mask[..., top : top + height, left : left + width] = 1
    return mask


# -- global alignment --------------------------------------------------------------------------------------------
def test_gam_moves_a_person_of_half_the_size_onto_the_target_box_exactly() -> None:
    small, large = box_mask(8, 30, 20, 10), box_mask(12, 14, 40, 20)
    moved = align(small * 2 - 1, small, large)
    assert torch.equal((moved > 0).float(), large)
    shrunk = align(large * 2 - 1, large, small)
    assert torch.equal((shrunk > 0).float(), small)


def test_gam_keeps_what_it_moves() -> None:
    here, there = box_mask(10, 10, 20, 12), box_mask(30, 25, 20, 12)
    image = cut(torch.rand(1, 3, 64, 64) * 2 - 1, here)
    moved = align(image, here, there)
    torch.testing.assert_close(moved[..., 30:50, 25:37], image[..., 10:30, 10:22], atol=1e-4, rtol=0)
    torch.testing.assert_close(align(image, here, here), image, atol=1e-4, rtol=0)


def test_gam_scales_about_the_person_not_the_origin() -> None:
    scale, here, there = alignment(box_mask(20, 40, 10, 6), box_mask(15, 38, 20, 10), LIMITS)
    assert scale.item() == 2
    assert here.tolist() == [[42.5, 24.5]]
    assert there.tolist() == [[42.5, 24.5]]


def test_gam_does_nothing_where_a_mask_is_empty_and_clips_its_scale() -> None:
    image, empty, full = torch.rand(2, 3, 32, 32) * 2 - 1, torch.zeros(2, 1, 32, 32), torch.ones(2, 1, 32, 32)
    torch.testing.assert_close(align(image, empty, full), image, atol=1e-4, rtol=0)
    torch.testing.assert_close(align(image, full, empty), image, atol=1e-4, rtol=0)
    tiny, high = box_mask(30, 30, 2, 2), box_mask(0, 20, 64, 20)
    assert alignment(tiny, high, LIMITS)[0].item() == 5
    assert alignment(high, tiny, LIMITS)[0].item() == pytest.approx(0.2)


def test_boxes_ignore_specks_where_asked() -> None:
    mask = box_mask(10, 10, 20, 8)
    mask[..., 60, 60] = 1
    assert box_of(mask).height.item() == 51
    assert box_of(mask, least=2).height.item() == 20
    assert not box_of(torch.zeros(1, 1, 8, 8)).found.item()


# -- texture alignment -------------------------------------------------------------------------------------------
def test_tam_with_identical_features_returns_them() -> None:
    constant = torch.rand(2, 8, 1, 1).expand(2, 8, 4, 6)
    target = torch.randn(2, 8, 4, 6)
    torch.testing.assert_close(align_texture(constant, target, 1.0), constant + target)
    distinct = torch.eye(16).view(1, 16, 4, 4)
    torch.testing.assert_close(align_texture(distinct, distinct, 0.01), 2 * distinct)


def test_tam_brings_source_texture_to_where_it_belongs() -> None:
    source = torch.eye(16).view(1, 16, 4, 4)
    shuffled = source.flatten(2)[..., torch.randperm(16)].view_as(source)
    aligned = align_texture(source, shuffled, 0.01) - shuffled
    torch.testing.assert_close(aligned, shuffled)


def test_tam_takes_means_over_the_source() -> None:
    source, target = torch.randn(1, 6, 5, 5), torch.randn(1, 6, 5, 5)
    added = align_texture(source, target, 1.0) - target
    assert (added.amax((2, 3)) <= source.amax((2, 3)) + 1e-5).all()
    warm = align_texture(source, target, 1e6) - target
    torch.testing.assert_close(warm, source.mean((2, 3), keepdim=True).expand_as(warm), atol=1e-4, rtol=0)


# -- composition -------------------------------------------------------------------------------------------------
def test_true_regions_over_the_true_background_are_the_true_frame() -> None:
    clip = ToyWorld(size=48, frames=3).clips("train")[0]
    stack = clip.read([0, 2], frozenset({"parsing6", "background"}))
    frames = torch.from_numpy(stack.rgb).movedim(-1, 1).float() / 127.5 - 1
    scene = torch.from_numpy(stack.annotations["background"]).movedim(-1, 1).float() / 127.5 - 1
    layout = layout_of(torch.from_numpy(stack.annotations["parsing6"]))
    foreground = sum_regions(cut_regions(frames, layout))
    torch.testing.assert_close(foreground, cut(frames, 1 - layout[:, :1]))
    torch.testing.assert_close(compose(foreground, layout[:, :1], scene), frames)


def test_a_frame_is_refined_only_where_the_gate_lets_it() -> None:
    made = {"raw": torch.rand(1, 3, 8, 8), "flow": torch.zeros(1, 2, 8, 8), "gate": torch.zeros(1, 1, 8, 8)}
    previous = torch.rand(1, 3, 8, 8)
    assert torch.equal(refine(made, None), made["raw"])
    torch.testing.assert_close(refine(made, previous), previous)
    torch.testing.assert_close(refine({**made, "gate": torch.ones(1, 1, 8, 8)}, previous), made["raw"])


# -- label tables ------------------------------------------------------------------------------------------------
def words(text: str) -> list[str]:
    return text.split()


CIHP = words(
    "background hat hair glove sunglasses upper-clothes dress coat socks pants torso-skin scarf skirt face left-arm "
    "right-arm left-leg right-leg left-shoe right-shoe"
)
NAMES = {
    "cihp": CIHP,
    "lip": ["jumpsuits" if name == "torso-skin" else name for name in CIHP],
    "atr": words(
        "background hat hair sunglasses upper-clothes skirt pants dress belt left-shoe right-shoe face left-leg "
        "right-leg left-arm right-arm bag scarf"
    ),
    "sapiens": words(
        "background apparel face-neck hair left-foot left-hand left-lower-arm left-lower-leg left-shoe left-sock "
        "left-upper-arm left-upper-leg lower-clothing right-foot right-hand right-lower-arm right-lower-leg right-shoe "
        "right-sock right-upper-arm right-upper-leg torso upper-clothing lower-lip upper-lip lower-teeth upper-teeth "
        "tongue"
    ),
}
SURE = {"background": 0, "hair": 1, "face": 1, "upper-clothes": 2, "coat": 2, "pants": 3, "skirt": 3, "left-shoe": 4}


@pytest.mark.parametrize("name", NAMES)
def test_label_tables_treat_left_and_right_alike(name: str) -> None:
    table = getattr(LabelsConfig(), name)
    names = NAMES[name]
    assert len(table) == len(names)
    sided = [label for label in names if label.startswith("left-")]
    assert len(sided) >= 3
    for label in sided:
        mirrored = label.replace("left-", "right-")
        assert table[names.index(label)] == table[names.index(mirrored)], label


@pytest.mark.parametrize("name", NAMES)
def test_label_tables_name_what_they_should(name: str) -> None:
    table, names = getattr(LabelsConfig(), name), NAMES[name]
    assert set(table) == set(range(6))
    for label, cls in SURE.items():
        if label in names:
            assert table[names.index(label)] == cls, label
    for label in names:
        if label.endswith(("arm", "leg")):
            assert table[names.index(label)] == 5, label


def test_labels_are_merged_and_their_absence_is_named() -> None:
    labels = torch.arange(20, dtype=torch.uint8).view(1, 4, 5)
    config = LabelsConfig(kind="lip")
    assert parsing_kind(config) == "parsing20"
    merged = read_layout({"parsing20": labels}, config)
    assert merged.flatten().tolist() == list(config.lip)
    assert six_classes(torch.full((1, 1, 1), 200), config.atr).item() == 0
    with pytest.raises(MissingInputError, match="parsing6"):
        read_layout({"parsing20": labels}, LabelsConfig())


def test_hard_layouts_are_one_hot() -> None:
    layout = torch.rand(2, 6, 5, 5).softmax(1)
    hard = harden(layout)
    assert torch.equal(hard.sum(1), torch.ones(2, 5, 5))
    assert torch.equal(hard.argmax(1), layout.argmax(1))


# -- views -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("height", "width", "portrait"), [(64, 64, False), (50, 70, False), (64, 64, True), (45, 45, True)]
)
def test_views_come_back_as_they_were(height: int, width: int, portrait: bool) -> None:
    view = View(height, width, portrait, 8)
    frames = torch.rand(2, 3, height, width)
    inside = view.enter(frames)
    assert inside.shape[-2] % 8 == inside.shape[-1] % 8 == 0
    assert torch.equal(view.leave(inside, frames), frames)
    if portrait:
        assert inside.shape[-1] < inside.shape[-2]
        left, right = view.columns
        assert torch.equal(view.leave(inside, torch.zeros_like(frames))[..., :left].abs().sum(), torch.tensor(0.0))
        assert right - left == round(height * 3 / 4)


def test_points_move_with_the_view() -> None:
    view = View(45, 60, True, 8)
    frame = torch.zeros(1, 1, 45, 60)
    frame[0, 0, 20, 31] = 1
    x, y, c = view.enter_points(torch.tensor([[[31.0, 20.0, 1.0]]]))[0, 0].tolist()
    assert view.enter(frame)[0, 0, int(y), int(x)] == 1
    assert c == 1


# -- background --------------------------------------------------------------------------------------------------
def test_background_of_a_video_is_exact_where_it_was_ever_seen() -> None:
    clip = ToyWorld(size=48, frames=16).clips("train")[0]
    stack = clip.read(range(16), frozenset({"mask", "background"}))
    frames = torch.from_numpy(stack.rgb).movedim(-1, 1).float() / 255
    person = torch.from_numpy(stack.annotations["mask"])[:, None].float()
    scene = torch.from_numpy(stack.annotations["background"][:1]).movedim(-1, 1).float() / 255
    found, known = temporal_median(frames, person)
    assert 0.5 < known.mean() < 1
    torch.testing.assert_close(found * known, scene * known)
    guessed = background_of(frames, person)
    assert ((guessed - scene).abs() * (1 - known)).sum() / (1 - known).sum() / 3 < 0.15
    assert ((frames[:1] - scene).abs() * (1 - known)).sum() > ((guessed - scene).abs() * (1 - known)).sum()


def test_inpainting_keeps_what_is_known_and_extends_it() -> None:
    image, known = torch.rand(1, 3, 13, 9), (torch.rand(1, 1, 13, 9) > 0.5).float()
    filled = inpaint(image, known)
    torch.testing.assert_close(filled * known, image * known)
    plain = torch.full((1, 3, 21, 30), 0.3)
    hole = torch.ones(1, 1, 21, 30)
    hole[..., 4:17, 5:25] = 0
    torch.testing.assert_close(inpaint(plain, hole), plain)
    assert inpaint(plain, torch.zeros(1, 1, 21, 30)).abs().sum() == 0


def test_a_frame_without_its_person_is_itself_elsewhere() -> None:
    frames, person = torch.rand(3, 3, 16, 16), torch.zeros(3, 1, 16, 16)
    person[1, :, 4:8, 4:8] = 1
    painted = without_person(frames, person, margin=0)
    assert torch.equal(painted * (1 - person), frames * (1 - person))
    torch.testing.assert_close(painted[1, :, 4:8, 4:8], frames[[0, 2], :, 4:8, 4:8].amin(0))  # median of two: the lower


# -- flow --------------------------------------------------------------------------------------------------------
def test_backward_flow_leads_to_the_frame_before() -> None:
    clip = ToyWorld(size=48, frames=4).clips("train")[0]
    stack = clip.read([0, 1], frozenset({"flow", "occlusion"}))
    forward = torch.from_numpy(stack.annotations["flow"][:1])
    flow, known = backward_flow(forward, torch.from_numpy(stack.annotations["occlusion"][:1]))
    before, now = (torch.from_numpy(stack.rgb[[i]]).movedim(-1, 1).float() / 127.5 - 1 for i in (0, 1))
    assert known.mean() > 0.9
    assert forward.abs().max() > 1
    error = (warp_previous(before, flow) - now).abs() * known
    still = (before - now).abs() * known
    assert error.mean() < 0.25 * still.mean()
    assert confidence(now, before, flow, known).mean() > 0.9


def test_occluded_pixels_teach_nothing() -> None:
    forward = torch.zeros(1, 4, 4, 2)
    forward[..., 0] = 1.0
    occluded = torch.zeros(1, 4, 4, dtype=torch.uint8)
    occluded[0, 2] = 1
    flow, known = backward_flow(forward, occluded)
    assert known[0, 0].tolist() == [[0, 1, 1, 1]] * 2 + [[0, 0, 0, 0]] + [[0, 1, 1, 1]]
    assert torch.equal(flow[0, 0][known[0, 0] > 0], torch.full((9,), -1.0))


# -- colours -----------------------------------------------------------------------------------------------------
def test_mean_colour_is_of_what_is_there() -> None:
    regions = torch.full((2, 3, 8, 8), -1.0)
    regions[0, :, 2:4, 2:6] = torch.tensor([0.5, -1.0, 0.25])[:, None, None]
    found = mean_colour(regions)
    torch.testing.assert_close(found[0].flatten(), torch.tensor([0.5, -1.0, 0.25]))
    assert found[1].abs().sum() == 0

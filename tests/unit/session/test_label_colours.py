from mammoviewer.session.label_colours import COLOURS, label_colour


def test_a_class_keeps_its_colour_however_it_is_written() -> None:
    assert label_colour("mass") == label_colour(" Mass ") == COLOURS[0]
    assert label_colour("mass") != label_colour("calcification")


def test_a_class_of_the_readers_own_has_a_colour_too() -> None:
    assert label_colour("my own class") in COLOURS
    assert label_colour("my own class") == label_colour("my own class")
    assert len({label_colour(f"class {n}") for n in range(50)}) == len(COLOURS)

"""The 36 rows of the list of bad inputs (dicom.md section 8) and the tests that show the right behaviour of each.

| row | tests |
|---|---|
| 1 | test_1_a_compressed_volume_cut_short_shows_its_complete_frames, test_1_a_single_frame_cut_short_is_refused |
| 1 | test_1_as_many_fragments_left_as_there_are_frames_are_not_taken_for_frames |
| 2 | test_2_an_uncompressed_volume_cut_short_shows_its_complete_frames |
| 3 | test_3_a_truncated_codestream_is_an_error_never_a_picture |
| 4 | test_4_and_5_another_number_of_frames_than_told |
| 5 | test_4_and_5_another_number_of_frames_than_told |
| 6 | test_6_a_frame_count_that_cannot_be_is_found_from_the_pixels |
| 7 | test_7_and_8_many_fragments_a_frame_and_empty_ones, test_7_a_single_frame_in_many_fragments |
| 7 | test_7_a_zero_byte_that_no_length_counts |
| 8 | test_7_and_8_many_fragments_a_frame_and_empty_ones |
| 9 | test_9_an_offset_table_that_does_not_fit_is_not_followed |
| 10 | test_10_delimiter_bytes_inside_a_fragment_mean_nothing |
| 11 | test_11_an_icon_sequence_that_swallows_the_pixels, test_11_an_icon_sequence_that_never_ends |
| 12 | test_12_the_sign_of_a_jpeg_2000_codestream_is_believed |
| 13 | test_13_signed_jpeg_ls_with_spare_bits |
| 14 | test_14_the_codestream_is_believed_not_the_transfer_syntax |
| 15 | test_15_and_16_no_transfer_syntax_and_no_preamble |
| 16 | test_15_and_16_no_transfer_syntax_and_no_preamble |
| 17 | test_17_what_is_no_image_is_refused_with_a_reason |
| 18 | test_18_a_truncated_header_is_refused |
| 19 | test_19_missing_layout_gets_safe_defaults, test_19_more_bits_stored_than_allocated |
| 19 | test_19_without_pixel_representation_values_have_no_sign |
| 20 | test_20_a_file_without_a_usable_window_gets_one |
| 21 | test_21_an_unknown_voi_function_is_shown_as_linear |
| 22 | test_22_a_short_lut_is_dropped_and_the_others_stay |
| 23 | test_23_the_first_centres_and_widths_are_paired |
| 24 | test_24_an_image_of_padding_is_flat_black |
| 25 | test_25_a_spacing_that_is_none_means_pixels |
| 26 | test_26_an_image_without_directions_is_shown_as_stored_and_says_so |
| 27 | test_27_lateralities_that_contradict_one_another_are_told |
| 28 | test_28_a_wrong_character_set_never_stops_a_file, test_utf_8_is_guessed_from_the_bytes |
| 28 | test_a_chosen_character_set_comes_before_the_declared_one |
| 29 | test_29_a_volume_of_more_than_two_gibibytes |
| 30 | test_30_a_codestream_of_another_size_is_not_decoded, test_30_millions_of_frames_are_not_believed |
| 31 | test_31_a_dicomdir_does_not_lead_out_of_its_folder |
| 32 | test_32_one_uid_with_different_pixels_is_kept_twice |
| 33 | test_33_a_series_of_several_kinds_is_taken_apart |
| 34 | test_34_frames_out_of_order_are_shown_in_order |
| 35 | test_35_an_unknown_compression_is_named, test_35_the_header_of_a_refused_file_can_be_offered |
| 36 | test_36_a_read_that_fails_once_is_tried_again, test_36_a_drive_that_is_gone_is_told_and_can_come_back |
"""

from __future__ import annotations

import re
from pathlib import Path


def test_every_row_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", __doc__ or "", re.MULTILINE)
    assert list(dict.fromkeys(int(number) for number, _ in rows)) == list(range(1, 37))
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    defined = set(re.findall(r"^def (test_\w+)\(", sources, re.MULTILINE))
    named = {name for _, names in rows for name in names.split(", ")}
    assert named <= defined

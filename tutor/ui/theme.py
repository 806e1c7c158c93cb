"""Colours, type and spacing: Gradio's theme with the contrast that WCAG AA asks for."""

from __future__ import annotations

from typing import Any

# Fonts of the system alone: a web font would be a request to another host.
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def make_theme() -> Any:
    """The theme; what it can't say is in style.css."""
    import gradio as gr

    theme = gr.themes.Default(
        font=FONT,
        font_mono=MONO,
        primary_hue="indigo",
        neutral_hue="slate",
        radius_size="md",
    )
    return theme.set(
        body_background_fill_dark="*neutral_950",
        # Gradio's own 400 on white is 2.6:1.
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_300",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_title_text_size="*text_sm",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        link_text_color="*primary_700",
        link_text_color_hover="*primary_800",
        link_text_color_visited="*primary_700",
        link_text_color_active="*primary_700",
        link_text_color_dark="*primary_300",
        link_text_color_hover_dark="*primary_200",
        link_text_color_visited_dark="*primary_300",
        link_text_color_active_dark="*primary_300",
        color_accent="*primary_600",
        # White on 500 is 4.47:1, just short of AA.
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_border_color="*primary_600",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_secondary_text_color="*neutral_800",
        button_large_padding="0.5rem 1.1rem",
        button_large_text_size="*text_md",
        button_large_text_weight="600",
        button_small_padding="0.4rem 0.9rem",
        button_small_text_size="*text_sm",
        button_small_text_weight="600",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_border_color_selected="*primary_600",
        checkbox_label_background_fill_selected_dark="*neutral_700",
        checkbox_label_border_color_selected_dark="*primary_400",
        slider_color="*primary_600",
    )

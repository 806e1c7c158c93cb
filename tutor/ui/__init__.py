"""The browser front end: the only package that imports gradio; a translator of agent events."""

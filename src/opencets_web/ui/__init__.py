"""The look: base templates, components, template tags, the built front end."""

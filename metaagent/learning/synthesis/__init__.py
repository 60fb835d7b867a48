"""Programs made from examples: search over small languages, scored on mine cases. Models are not asked."""

"""``lib`` beside PyTorch, PEFT and Hugging Face's tokenizers: ``make parity``."""

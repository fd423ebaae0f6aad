import transformers as modeling

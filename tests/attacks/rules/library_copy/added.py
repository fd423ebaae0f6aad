from ...activations import ACT2FN
from ...modeling_utils import PreTrainedModel

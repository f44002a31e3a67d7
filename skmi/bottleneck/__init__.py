"""Information-bottleneck classifier and regressor."""

from skmi.bottleneck.estimators import IBEncoder, IBRegressor
from skmi.bottleneck.layers import LayerPlane
from skmi.bottleneck.plane import InformationPlane

__all__ = ["IBEncoder", "IBRegressor", "InformationPlane", "LayerPlane"]

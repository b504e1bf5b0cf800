"""Pictures inside of HTML."""

import base64
import re
from io import BytesIO

from PIL import Image


def pictures_in(html):
    """The pictures a piece of HTML carries, decoded."""
    return [
        Image.open(BytesIO(base64.b64decode(data)))
        for data in re.findall(r"src='data:image/\w+;base64,([^']+)'", html)
    ]

"""What the user can do about a file that is not as it should be: the hints that several checks share."""

from __future__ import annotations

ASK_AGAIN = "ask for the file again from the PACS or the archive"
CHECK_GREYS = "compare its grey values with another viewer before you measure them"
CHECK_PLACE = "see whether its drive or share is there and may be read"
CONVERT = "convert it to grey of 8 or 16 bits, or open it in the viewer of its maker"
OPEN_FOLDER = "open the folder instead"
OTHER_VIEWER = "open it in the viewer of its maker"
PICK_WINDOW = "choose another window, window by hand or press 0"
UNCOMPRESSED = "ask for it uncompressed, or convert it with gdcmconv --raw or dcmdjpeg"

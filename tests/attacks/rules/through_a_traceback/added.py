try:
    raise ValueError
except ValueError as error:
    frame = error.__traceback__.tb_frame

"""Speech as the phones take it: 8000 Hz, 16 bits, mono; and how alike two
recordings are."""
import array
import math
import os
import subprocess
import wave

RATE = 8000
TEXT = ('This call is sealed. Whoever listens on the wire hears nothing but noise. '
        'The quick brown fox jumps over the lazy dog. One, two, three, four, five, six. ')


def make(path, text=TEXT, seconds=60):
    """Writes speech of that length to path, the text repeated as needed."""
    raw = path + '.espeak.wav'
    subprocess.run(['espeak-ng', '-v', 'en', '-w', raw, text], check=True, capture_output=True)
    rate, samples = read(raw)
    os.unlink(raw)
    spoken = resample(samples, rate, RATE)
    whole = (spoken * (seconds * RATE // len(spoken) + 1))[:seconds * RATE]
    write(path, whole)


def read(path):
    """(rate, samples) of a 16-bit mono file."""
    with wave.open(path, 'rb') as w:
        samples = array.array('h', w.readframes(w.getnframes()))
        return w.getframerate(), samples[::w.getnchannels()]


def write(path, samples):
    with wave.open(path, 'wb') as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(samples.tobytes())


def resample(samples, rate, wanted, reach=8):
    """By a windowed sinc that also cuts what is above half of the wanted rate."""
    cut = min(1.0, wanted / rate)
    width = int(reach / cut)
    steps = 64  # positions between two samples for which the filter is computed
    taps = [[sinc_tap((k - i / steps), cut, width) for k in range(-width, width + 1)]
            for i in range(steps)]
    padded = [0] * width + list(samples) + [0] * (width + 1)
    out = array.array('h')
    for n in range(len(samples) * wanted // rate):
        position = n * rate / wanted
        whole = int(position)
        tap = taps[int((position - whole) * steps)]
        value = sum(map(float.__mul__, tap, map(float, padded[whole:whole + 2 * width + 1])))
        out.append(max(-32768, min(32767, round(value))))
    return out


def sinc_tap(t, cut, width):
    window = 0.5 + 0.5 * math.cos(math.pi * t / (width + 1))
    x = math.pi * t * cut
    return cut * window * (math.sin(x) / x if x else 1.0)


def envelope(samples, frame=RATE // 50):
    """Loudness of each 20 ms."""
    return [math.sqrt(sum(s * s for s in samples[i:i + frame]) / frame)
            for i in range(0, len(samples) - frame + 1, frame)]


def likeness(heard, said):
    """The best correlation of heard's loudness with any place in said's, -1..1;
    0 for silence."""
    h, s = envelope(heard), envelope(said)
    if len(h) < 25 or max(h) < 100:
        return 0.0
    return max(correlation(h, s[lag:lag + len(h)]) for lag in range(max(1, len(s) - len(h))))


def correlation(a, b):
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    mean_a, mean_b = sum(a) / n, sum(b) / n
    above = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b))
    below = math.sqrt(sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b))
    return above / below if below else 0.0

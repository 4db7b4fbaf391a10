"""Numbers from a key and a counter, as compiler/random.c and tests/train/losses.c make them (splitmix64: Steele, Lea, Flood 2014)."""
import numpy

numpy.seterr(over="ignore")
U = numpy.uint64


def mix(x):
    x = x + U(0x9e3779b97f4a7c15)
    x = (x ^ (x >> U(30))) * U(0xbf58476d1ce4e5b9)
    x = (x ^ (x >> U(27))) * U(0x94d049bb133111eb)
    return x ^ (x >> U(31))


def raw(key, n):
    return mix(key ^ mix(numpy.arange(n, dtype=U)))


def uniform(key, n):
    return (raw(key, n) >> U(40)).astype(numpy.float64) * (2.0 / (1 << 24)) - 1

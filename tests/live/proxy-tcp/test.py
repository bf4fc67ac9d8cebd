"""Kamailio between the gateways over TCP, with record-route; both directions"""
import importlib.util
import os

spec = importlib.util.spec_from_file_location('proxy_udp', os.path.join(
    os.path.dirname(__file__), '..', 'proxy-udp', 'test.py'))
same = importlib.util.module_from_spec(spec)
spec.loader.exec_module(same)


def setup(t):
    same.setup(t, 'tcp')


def check(t):
    same.check(t, 'tcp')

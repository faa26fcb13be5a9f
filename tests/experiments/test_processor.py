"""What names a processor's results."""
import pytest

from experiments import processor

INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Processor
power management:
flags\t\t: fpu sse2 avx avx2 fma avx512f avx512_bf16 amx_bf16 amx_tile
"""
AMD = "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx avx2 fma\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize("text, maker, units, name", [
    (INTEL, "Intel", ["AVX-512", "AVX2", "AVX", "AMX"], "intel_avx512"),
    (AMD, "AMD", ["AVX2", "AVX"], "amd_avx2"),
    (ARM, "ARM", ["SVE", "NEON"], "arm_sve")])
def test_a_processor_is_named_by_maker_and_widest_vector_unit(text, maker, units, name):
    found = processor.describe_processor(text)
    assert (found["maker"], found["vector_units"], processor.processor_file(found)) == (maker, units, name)


def test_the_model_is_the_one_that_linux_names():
    assert processor.describe_processor(INTEL)["model"] == "Intel(R) Xeon(R) Processor"


def test_a_system_without_cpuinfo_is_named_as_well():
    found = processor.describe_processor("")
    assert found["maker"] and found["model"] and len(found["vector_units"]) == 1
    assert processor.processor_file(found).isidentifier()

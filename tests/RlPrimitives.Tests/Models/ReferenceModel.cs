using System.Text.Json;
using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

/// <summary>One of the fixture models with what transformers computed on it.</summary>
internal sealed class ReferenceModel : IDisposable
{
    private readonly SafetensorsFile tensors;

    public ReferenceModel(string name)
    {
        Folder = Fixtures.Path($"models/{name}");
        Model = CausalLM.FromPretrained(Folder);
        tensors = SafetensorsFile.Open(Path.Combine(Folder, "expected.safetensors"));
        Expected = Fixtures.Json($"models/{name}/expected.json");
    }

    public static IEnumerable<object[]> Names => new[]
    {
        "gpt2_tied", "gpt2_hubstyle", "llama_mha_tied", "llama_gqa_untied", "llama3_rope", "qwen2_tied", "qwen2_untied_sharded", "qwen2_bf16", "qwen3_tied", "mistral_swa",
    }.Select(n => new object[] { n });

    public string Folder { get; }

    public CausalLM Model { get; }

    public JsonElement Expected { get; }

    public int[][] Rows => [.. Expected.GetProperty("rows").EnumerateArray().Select(r => r.EnumerateArray().Select(i => i.GetInt32()).ToArray())];

    public Tensor Tensor(string name) => tensors.Read(name);

    public static double MaxDifference(Tensor a, Tensor b) => (a.to(float64) - b.to(float64)).abs().max().item<double>();

    public void Dispose()
    {
        tensors.Dispose();
        Model.Dispose();
    }
}

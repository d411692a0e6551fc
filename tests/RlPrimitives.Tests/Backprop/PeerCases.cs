using System.Text.Json;
using RlPrimitives.Backprop;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Backprop;

/// <summary>Cases of the peers' own numbers. What is compared and what is not is counted, and the counts are part of the test.</summary>
internal static class PeerCases
{
    /// <summary>What a comparison says of a case that was compared.</summary>
    public const string Compared = "compared";

    /// <summary>Runs every case of a file; the outcomes, counted, must be those expected.</summary>
    /// <param name="file">In fixtures/rl_math.</param>
    /// <param name="compare">Compares a case and says what it did: <see cref="Compared"/> or why not.</param>
    /// <param name="expected">"number × function: outcome", in any order.</param>
    public static void Run(string file, Func<PeerCase, IEnumerable<string>> compare, params string[] expected)
    {
        var outcomes = new List<string>();
        foreach (var json in Fixtures.Json($"rl_math/{file}.json").GetProperty("cases").EnumerateArray())
        {
            using var scope = NewDisposeScope();
            var c = new PeerCase(json);
            try
            {
                outcomes.AddRange(compare(c).Select(o => $"{c.Function}: {o}"));
            }
            catch (Xunit.Sdk.XunitException e)
            {
                Assert.Fail($"{file} {c.Name}: {e.Message}");
            }
        }

        var actual = outcomes.GroupBy(o => o).Select(g => $"{g.Count()} × {g.Key}");
        var found = string.Join('\n', actual.Order(StringComparer.Ordinal));
        Assert.True(found == string.Join('\n', expected.Order(StringComparer.Ordinal)), $"{file}: other cases than expected were compared:\n{found}");
    }
}

/// <summary>One case; rows without an unmasked token are left out of what is packed.</summary>
internal sealed class PeerCase(JsonElement json)
{
    public string Name { get; } = json.GetProperty("case").GetString()!;

    public string Function { get; } = json.GetProperty("fn").GetString()!;

    public JsonElement Inputs { get; } = json.GetProperty("inputs");

    public JsonElement Outputs { get; } = json.GetProperty("outputs");

    public bool[][] Mask { get; } = json.GetProperty("inputs").ValueKind == JsonValueKind.Object
        ? new[] { "response_mask", "completion_mask", "action_mask", "loss_mask", "mask" }
            .Where(n => json.GetProperty("inputs").TryGetProperty(n, out _)).Take(1)
            .SelectMany(n => Matrix(json.GetProperty("inputs").GetProperty(n))).Select(r => Array.ConvertAll(r, x => x > 0)).ToArray()
        : [];

    /// <summary>Unmasked tokens of each row that has any, [B].</summary>
    public int[] Lengths => [.. Mask.Select(m => m.Count(x => x)).Where(n => n > 0)];

    public static float[][] Matrix(JsonElement matrix) => [.. matrix.EnumerateArray().Select(Fixtures.Floats)];

    public double Number(string input) => Inputs.GetProperty(input).GetDouble();

    public double? NumberOrNull(string input) => Inputs.GetProperty(input) is { ValueKind: JsonValueKind.Number } n ? n.GetDouble() : null;

    public string Text(string input) => Inputs.GetProperty(input).ToString();

    public float[][] Rows(string input) => Matrix(Inputs.GetProperty(input));

    public float[] Floats(string input) => Fixtures.Floats(Inputs.GetProperty(input));

    /// <summary>The unmasked entries of a matrix, row after row, [M].</summary>
    public float[] Pack(float[][] rows) => [.. rows.Zip(Mask, (r, m) => r.Where((_, i) => m[i])).SelectMany(x => x)];

    public float[] Pack(JsonElement matrix) => Pack(Matrix(matrix));

    /// <summary>An input over the unmasked tokens, [M].</summary>
    public Tensor Packed(string input) => tensor(Pack(Inputs.GetProperty(input)));

    /// <summary>Loss and gradient with respect to one input, over the unmasked tokens.</summary>
    /// <param name="input">The input that carries the gradient.</param>
    /// <param name="perToken">Its per-token loss, [M].</param>
    /// <param name="weights">Of the sequences' tokens, [B]; null where the loss is already one number.</param>
    /// <param name="gradient">Name of the expected gradient.</param>
    /// <param name="factor">What the peer's loss is of ours.</param>
    /// <param name="loss">Name of the expected loss.</param>
    public void AssertLoss(string input, Func<Tensor, Tensor> perToken, float[]? weights, string gradient, double factor = 1, string loss = "loss")
    {
        var x = Packed(input).requires_grad_(true);
        var losses = perToken(x);
        var result = (weights is null ? losses : losses.dot(tensor(Lengths.Zip(weights, (n, w) => Enumerable.Repeat(w, n)).SelectMany(w => w).ToArray()))) * factor;
        result.backward();
        AssertClose([(float)Outputs.GetProperty(loss).GetDouble()], [result.item<float>()]);
        AssertClose(Pack(Outputs.GetProperty(gradient)), x.grad!.data<float>().ToArray());
    }

    /// <summary>Equal within 1e-5, relative above 1.</summary>
    public static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(expected[i].Equals(actual[i]) || Math.Abs(expected[i] - actual[i]) <= 1e-5 * Math.Max(1, Math.Abs(expected[i])), $"element {i}: expected {expected[i]}, got {actual[i]}");
        }
    }
}

using System.Globalization;
using System.Numerics;
using System.Text.Json;
using CsCheck;
using CsvHelper;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Models;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Fuzzing;

/// <summary>Whatever can be written is read back as it was; generated inputs, made smaller where one fails.</summary>
public sealed class RoundTripTests : IDisposable
{
    private static readonly int Cases = Math.Max(200, Fuzzer.Inputs / 10);

    // Texts with all that files stumble on; well-formed, as text in files is.
    private static readonly Gen<string> Texts = Gen.OneOf(
        Gen.String[Gen.Char['\u0000', '\ud7ff'], 0, 20], Of("", "\"", "\\", "\r\n", "\n", ",", "\t", "\u2028", "\u0000", "😀", "</script>", "NaN", "null", "'", "a,\"b\"\nc"));

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Trajectories_of_any_content() => Gen.Select(
        Texts, Texts, Gen.Select(Gen.Int[0, 300_000].Array[1, 5], Gen.Float.Where(f => !float.IsNaN(f)).Array[1, 6], Texts).Array[0, 4], Of(Enum.GetValues<TrajectoryStatus>()), Texts)
        .Sample(
            (id, prompt, turns, status, error) =>
            {
                var made = new Trajectory(
                    new Problem(id, prompt, error, new Dictionary<string, string> { [id] = prompt }), 3, 1,
                    [.. turns.Select(t => new Turn(t.Item1, [.. t.Item2.Select((_, i) => i)], t.Item2, t.Item3, StopReason.StopString, 0.7f) { ToolCalls = [new ToolCall(id, prompt, error, null, false)] })],
                    status, status == TrajectoryStatus.Failed ? error : null);
                var path = folder.In("t.jsonl");
                Trajectories.Save(path, [made, made]);
                var loaded = Trajectories.Load(path)[1];
                Assert.Equal((made.Problem.Id, made.Problem.Prompt, made.Problem.Answer, made.Status, made.Error), (loaded.Problem.Id, loaded.Problem.Prompt, loaded.Problem.Answer, loaded.Status, loaded.Error));
                Assert.Equal(made.Problem.Fields, loaded.Problem.Fields);
                Assert.Equal(made.Turns.Select(t => (t.Text, t.StopReason, t.Temperature)), loaded.Turns.Select(t => (t.Text, t.StopReason, t.Temperature)));
                Assert.Equal(made.Turns.SelectMany(t => t.PromptIds.Concat(t.TokenIds)), loaded.Turns.SelectMany(t => t.PromptIds.Concat(t.TokenIds)));
                Assert.Equal(made.Turns.SelectMany(t => t.LogProbs).Select(BitConverter.SingleToInt32Bits), loaded.Turns.SelectMany(t => t.LogProbs).Select(BitConverter.SingleToInt32Bits));
                Assert.Equal(made.Turns.SelectMany(t => t.ToolCalls).Select(c => (c.Tool, c.Arguments, c.Result)), loaded.Turns.SelectMany(t => t.ToolCalls).Select(c => (c.Tool, c.Arguments, c.Result)));
            },
            iter: Cases, threads: 1);

    [Fact]
    public void Problems_of_any_text() => Gen.Select(Texts, Texts, Texts).Array[1, 5].Sample(
        rows =>
        {
            var (json, csv) = (folder.In("p.jsonl"), folder.In("p.csv"));
            File.WriteAllLines(json, rows.Select(r => JsonSerializer.Serialize(new Dictionary<string, string> { ["prompt"] = r.Item1, ["answer"] = r.Item2, ["more"] = r.Item3 })));
            using (var writer = new CsvWriter(new StreamWriter(csv), CultureInfo.InvariantCulture))
            {
                foreach (var cell in rows.Prepend(("prompt", "answer", "more")).SelectMany(r => new[] { r.Item1, r.Item2, r.Item3, "end" }.Select((c, i) => (c, i))))
                {
                    writer.WriteField(cell.c, shouldQuote: true);
                    if (cell.i == 3)
                    {
                        writer.NextRecord();
                    }
                }
            }

            foreach (var path in new[] { json, csv })
            {
                Assert.Equal(rows, Prompts.Load(path).Select(p => (p.Prompt, p.Answer, p.Fields["more"])));
            }
        },
        iter: Cases, threads: 1);

    [Fact]
    public void Tensors_of_any_shape() => Gen.Select(Gen.Long[0, 4].Array[0, 3], Of(ScalarType.Float32, ScalarType.BFloat16, ScalarType.Int64, ScalarType.Byte), Texts).Array[0, 4].Sample(
        tensors =>
        {
            using var scope = NewDisposeScope();
            var made = tensors.DistinctBy(t => t.Item3).Where(t => t.Item3 != "__metadata__").Select((t, i) => (Name: t.Item3, Tensor: full(t.Item1, i + 1, dtype: t.Item2))).ToArray();
            SafetensorsFile.Write(folder.In("s.safetensors"), made);
            using var file = SafetensorsFile.Open(folder.In("s.safetensors"));
            Assert.Equal(made.Length, file.Entries.Count);
            foreach (var (name, tensor) in made)
            {
                using var read = file.Read(name);
                Assert.Equal((tensor.dtype, string.Join(' ', tensor.shape)), (read.dtype, string.Join(' ', read.shape)));
                Assert.True(tensor.bytes.SequenceEqual(read.bytes));
            }
        },
        iter: Cases, threads: 1);

    [Fact]
    public void Text_of_any_kind_through_a_tokenizer_of_bytes() => Texts.Sample(
        text => Assert.Equal(text, TinyModels.Tokenizer.Decode(TinyModels.Tokenizer.Encode(text), skipSpecialTokens: false)), iter: 10 * Cases, threads: 1);

    [Fact]
    public void Expressions_have_the_value_that_fractions_of_big_integers_have() => Expression(4)
        .Sample(
            expression =>
            {
                // Whether the expression equals the fraction; where it divides by 0, both say so.
                if (expression.D.IsZero)
                {
                    Assert.Throws<FormatException>(() => Calculator.Evaluate(expression.Text));
                }
                else if (expression.Text.Length < 200)
                {
                    Assert.Equal("true", Calculator.Evaluate($"{expression.Text} = ({expression.N})/({expression.D})"));
                }
            },
            iter: 5 * Cases, threads: 1);

    private static Gen<T> Of<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static Gen<(string Text, BigInteger N, BigInteger D)> Expression(int depth)
    {
        var number = Gen.Int[0, 50].Select(i => (i.ToString(CultureInfo.InvariantCulture), (BigInteger)i, BigInteger.One));
        return depth == 0 ? number : Gen.Frequency((1, number), (2, Gen.Select(Expression(depth - 1), Of('+', '-', '*', '/'), Expression(depth - 1)).Select(e => Combined(e.Item1, e.Item2, e.Item3))));
    }

    private static (string Text, BigInteger N, BigInteger D) Combined((string Text, BigInteger N, BigInteger D) a, char sign, (string Text, BigInteger N, BigInteger D) b)
    {
        var text = $"({a.Text}{sign}{b.Text})";
        return a.D.IsZero || b.D.IsZero || (sign == '/' && b.N.IsZero) ? (text, 0, 0) : sign switch
        {
            '+' => (text, (a.N * b.D) + (b.N * a.D), a.D * b.D),
            '-' => (text, (a.N * b.D) - (b.N * a.D), a.D * b.D),
            '*' => (text, a.N * b.N, a.D * b.D),
            _ => (text, a.N * b.D, a.D * b.N),
        };
    }
}

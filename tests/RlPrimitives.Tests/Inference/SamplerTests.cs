using System.Globalization;
using RlPrimitives.Inference;

namespace RlPrimitives.Tests.Inference;

public class SamplerTests
{
    private static readonly string[] Supported = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"];

    public static TheoryData<int, string> PeerCases()
    {
        var data = new TheoryData<int, string>();
        var cases = Fixtures.Json("sampling/logits_processors.json").GetProperty("cases");
        for (var i = 0; i < cases.GetArrayLength(); i++)
        {
            foreach (var output in cases[i].GetProperty("outputs").EnumerateObject())
            {
                if (output.Name.Split(',').All(part => Supported.Contains(part.Split('=')[0])))
                {
                    data.Add(i, output.Name);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(PeerCases))]
    public void Filters_agree_with_transformers(int index, string processors)
    {
        var peer = Fixtures.Json("sampling/logits_processors.json").GetProperty("cases")[index];
        var expected = peer.GetProperty("outputs").GetProperty(processors);
        var options = Parse(processors);
        for (var row = 0; row < peer.GetProperty("logits").GetArrayLength(); row++)
        {
            var logits = Fixtures.Floats(peer.GetProperty("logits")[row]);
            int[] previous = [.. peer.GetProperty("input_ids")[row].EnumerateArray().Select(e => e.GetInt32())];
            var processed = (float[])logits.Clone();
            Sampler.Process(processed, options, previous);
            var peerProcessed = Fixtures.Floats(expected.GetProperty("processed_logits")[row]);
            var probabilities = Fixtures.Floats(expected.GetProperty("probabilities")[row]);
            if (processors.Contains("top_p", StringComparison.Ordinal) && !processed.SequenceEqual(peerProcessed))
            {
                // Which of equal logits stay at the border of the nucleus is up to the peer's unstable sort; how many is not.
                Assert.Equal(peerProcessed.Order(), processed.Order());
                var border = processed.Where(float.IsFinite).Min();
                Assert.Equal(peerProcessed.Select(x => x > border), processed.Select(x => x > border));
                var each = peerProcessed.Zip(probabilities).First(p => p.First == border).Second;
                probabilities = [.. processed.Select((x, i) => x == border ? each : x > border ? probabilities[i] : 0)];
            }
            else
            {
                Assert.Equal(peerProcessed, processed);
            }

            for (var id = 0; id < logits.Length; id++)
            {
                var logProb = Sampler.LogProb((float[])logits.Clone(), options, previous, id);
                Assert.Equal(probabilities[id], MathF.Exp(logProb), 1e-6f);
                Assert.Equal(processed[id] == float.NegativeInfinity, logProb == float.NegativeInfinity);
            }

            for (var u = 0.0; u < 1; u += 1 / 64.0)
            {
                var (id, logProb) = Sampler.Sample((float[])logits.Clone(), options, previous, u);
                Assert.Equal(InverseCdf(probabilities, u), id);
                Assert.Equal(Sampler.LogProb((float[])logits.Clone(), options, previous, id), logProb, 1e-6f);
            }
        }
    }

    [Fact]
    public void The_peer_cases_are_there() => Assert.Equal(3 * 20, PeerCases().Count);

    [Theory]
    [InlineData(5)]
    [InlineData(1025)] // more than one block
    [InlineData(700_001)] // larger blocks
    public void Draws_follow_the_distribution(int vocabulary)
    {
        // All mass on five tokens, in different blocks where there are several; the rest has none.
        float[] p = [0.5f, 0.25f, 0.15f, 0.07f, 0.03f];
        var logits = Enumerable.Repeat(float.NegativeInfinity, vocabulary).ToArray();
        var at = p.Select((_, i) => (int)((long)i * (vocabulary - 1) / 4)).ToArray();
        for (var i = 0; i < p.Length; i++)
        {
            logits[at[i]] = 3 + MathF.Log(p[i]);
        }

        var draws = vocabulary > 10_000 ? 500 : 20_000;
        var stream = RandomStream.For(11);
        var counts = new int[p.Length];
        for (var draw = 0; draw < draws; draw++)
        {
            var (id, logProb) = Sampler.Sample((float[])logits.Clone(), new SamplingOptions(), [], stream.NextUniform((ulong)draw));
            var which = Array.IndexOf(at, id);
            Assert.Equal(MathF.Log(p[which]), logProb, 1e-5f);
            counts[which]++;
        }

        var chiSquare = p.Zip(counts, (q, c) => Math.Pow(c - (q * draws), 2) / (q * draws)).Sum();
        Assert.InRange(chiSquare, 0, 18.5); // 4 degrees of freedom: 0.1 %
    }

    [Fact]
    public void Draws_over_a_large_vocabulary_follow_the_distribution()
    {
        var random = new Random(5);
        var logits = Enumerable.Range(0, 5000).Select(_ => (float)(3 * random.NextDouble())).ToArray();
        var total = logits.Sum(x => Math.Exp(x));
        var options = new SamplingOptions();
        const int draws = 20_000, bins = 50;
        var counts = new double[bins];
        var expected = new double[bins];
        for (var i = 0; i < logits.Length; i++)
        {
            expected[i % bins] += draws * Math.Exp(logits[i]) / total;
        }

        for (ulong draw = 0; draw < draws; draw++)
        {
            var (id, logProb) = Sampler.Sample((float[])logits.Clone(), options, [], new RandomStream(1, 2).NextUniform(draw));
            Assert.Equal(logits[id] - Math.Log(total), logProb, 1e-5);
            counts[id % bins]++;
        }

        var chiSquare = counts.Zip(expected, (c, e) => (c - e) * (c - e) / e).Sum();
        Assert.InRange(chiSquare, 24, 86); // 49 degrees of freedom: both tails 0.1 %
    }

    [Fact]
    public void Nucleus_of_a_large_vocabulary_is_that_of_a_full_sort()
    {
        var random = new Random(3);
        foreach (var (spread, p) in new[] { (0.01, 0.9f), (1, 0.5f), (3, 0.95f), (20, 0.99f), (60, 0.9999f), (0, 0.3f), (200, 0.7f) })
        {
            // Halves and quarters make ties.
            var logits = Enumerable.Range(0, 20_000).Select(_ => (float)(Math.Round(random.NextDouble() * spread * 4) / 4)).ToArray();
            var max = logits.Max();
            var weights = logits.Select(x => Math.Exp(x - max)).ToArray();
            var wanted = p * weights.Sum() * (1 - 1e-7);
            var expected = new bool[logits.Length];
            var mass = 0.0;
            foreach (var i in Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i))
            {
                if (mass >= wanted)
                {
                    break;
                }

                expected[i] = true;
                mass += weights[i];
            }

            var processed = (float[])logits.Clone();
            Sampler.Process(processed, new SamplingOptions { TopP = p }, []);
            var differing = processed.Zip(expected, (x, e) => float.IsFinite(x) != e).Count(d => d);
            Assert.InRange(differing, 0, 1); // float32 against float64 at the border
        }
    }

    [Fact]
    public void Greedy_takes_the_first_of_the_largest_and_reports_temperature_one()
    {
        float[] logits = [1, 4, -2, 4, 0];
        var z = Math.Log(Math.Exp(1) + (2 * Math.Exp(4)) + Math.Exp(-2) + 1);
        var options = SamplingOptions.Greedy with { TopK = 1, TopP = 0.1f };
        var (id, logProb) = Sampler.Sample((float[])logits.Clone(), options, [], 0.999);
        Assert.Equal(1, id);
        Assert.Equal(4 - z, logProb, 1e-6);
        Assert.Equal(-2 - z, Sampler.LogProb((float[])logits.Clone(), options, [], 2), 1e-6);
    }

    [Fact]
    public void Greedy_reports_the_penalised_log_prob()
    {
        var options = SamplingOptions.Greedy with { RepetitionPenalty = 2 };
        var (id, logProb) = Sampler.Sample([4, 3, -1], options, [0, 0, 0, 2], 0); // 2, 3, -2
        Assert.Equal(1, id);
        Assert.Equal(3 - Math.Log(Math.Exp(2) + Math.Exp(3) + Math.Exp(-2)), logProb, 1e-6);
    }

    [Fact]
    public void Tokens_without_probability_are_never_drawn()
    {
        float[] logits = [float.NegativeInfinity, 0, -200, float.NegativeInfinity];
        foreach (var u in new[] { 0, 0.5, Math.BitDecrement(1.0) })
        {
            var (id, logProb) = Sampler.Sample((float[])logits.Clone(), new SamplingOptions(), [], u);
            Assert.Equal(1, id);
            Assert.Equal(0, logProb, 2e-7f);
        }
    }

    [Fact]
    public void The_draw_of_a_row_does_not_depend_on_its_neighbours()
    {
        var random = new Random(1);
        var rows = Enumerable.Range(0, 8).Select(_ => Enumerable.Range(0, 3000).Select(_ => (float)random.NextDouble() * 8).ToArray()).ToArray();
        var options = new SamplingOptions { Temperature = 0.8f, TopP = 0.9f };
        (int, float) Draw(Span<float> logits, int row) => Sampler.Sample(logits, options, [], RandomStream.For(1, (ulong)row).NextUniform(0));
        var alone = rows.Select((logits, row) => Draw((float[])logits.Clone(), row)).ToArray();
        var batch = rows.SelectMany(r => r).ToArray();
        for (var row = rows.Length - 1; row >= 0; row--)
        {
            Assert.Equal(alone[row], Draw(batch.AsSpan(row * 3000, 3000), row));
        }
    }

    [Fact]
    public void Sampling_without_filters_allocates_nothing()
    {
        var logits = new float[50_000];
        var options = new SamplingOptions { Temperature = 0.9f };
        Sampler.Sample(logits, options, [], 0.5);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++)
        {
            Sampler.Sample(logits, options, [], 0.5);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "+infinity")]
    public void A_logit_that_is_no_number_is_refused_by_name(float bad, string name)
    {
        var error = Assert.Throws<InvalidOperationException>(() => Sampler.Sample([0, 1, bad, 2], new SamplingOptions(), [], 0.5));
        Assert.Contains($"token 2 is {name}", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => Sampler.LogProb([0, 1, bad, 2], SamplingOptions.Greedy, [], 0));
    }

    [Fact]
    public void Logits_that_are_all_minus_infinity_are_refused()
    {
        var error = Assert.Throws<InvalidOperationException>(
            () => Sampler.Sample([float.NegativeInfinity, float.NegativeInfinity], new SamplingOptions(), [], 0.5));
        Assert.Contains("-infinity", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => Sampler.Sample([], new SamplingOptions(), [], 0.5));
    }

    [Fact]
    public void Ids_outside_the_vocabulary_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Sampler.LogProb([0, 1], new SamplingOptions(), [], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sampler.Process([0, 1], new SamplingOptions { RepetitionPenalty = 2 }, [-1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sampler.Sample([0, 1], new SamplingOptions(), [], 1));
    }

    private static SamplingOptions Parse(string processors)
    {
        var options = new SamplingOptions();
        foreach (var part in processors.Split(','))
        {
            var (name, value) = (part.Split('=')[0], float.Parse(part.Split('=')[1], CultureInfo.InvariantCulture));
            options = name switch
            {
                "temperature" => options with { Temperature = value },
                "top_k" => options with { TopK = (int)value },
                "top_p" => options with { TopP = value },
                "min_p" => options with { MinP = value },
                _ => options with { RepetitionPenalty = value },
            };
        }

        return options;
    }

    private static int InverseCdf(float[] probabilities, double u)
    {
        var cumulative = 0.0;
        var total = probabilities.Sum(p => (double)p);
        for (var i = 0; i < probabilities.Length; i++)
        {
            cumulative += probabilities[i];
            if (u * total < cumulative)
            {
                return i;
            }
        }

        return -1;
    }
}

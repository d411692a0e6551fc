using RlPrimitives.Inference;

namespace RlPrimitives.Tests.Inference;

public class RandomStreamTests
{
    [Theory] // Random123's kat_vectors, philox4x32 10
    [InlineData(0UL, 0UL, 0UL, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x85a308d3243f6a88UL, 0x0370734413198a2eUL, 0x299f31d0a4093822UL, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_the_published_answers(ulong low, ulong high, ulong key, uint x0, uint x1, uint x2, uint x3) =>
        Assert.Equal((x0, x1, x2, x3), Philox.Block(low, high, key));

    [Fact]
    public void A_uniform_number_is_the_first_53_bits_of_its_block()
    {
        Assert.Equal((0xe169c58d6627e8d5 >> 11) * Math.Pow(2, -53), new RandomStream(0, 0).NextUniform(0));
        Assert.Equal((0x41c83b0e408f276d >> 11) * Math.Pow(2, -53), new RandomStream(ulong.MaxValue, ulong.MaxValue).NextUniform(ulong.MaxValue));
    }

    [Fact]
    public void The_same_place_gives_the_same_number_in_any_order_and_on_any_thread()
    {
        var stream = RandomStream.For(1, 2, 3, 4, 5);
        var forwards = Enumerable.Range(0, 1000).Select(i => stream.NextUniform((ulong)i)).ToArray();
        var parallel = new double[1000];
        Parallel.For(0, 1000, i => parallel[999 - i] = RandomStream.For(1, 2, 3, 4, 5).NextUniform((ulong)(999 - i)));
        Assert.Equal(forwards, parallel);
    }

    [Fact]
    public void Keys_depend_on_their_order_number_and_seed()
    {
        RandomStream[] streams =
        [
            RandomStream.For(7), RandomStream.For(7, 0), RandomStream.For(7, 0, 0), RandomStream.For(7, 1, 2), RandomStream.For(7, 2, 1),
            RandomStream.For(7, 1, 2, 0), RandomStream.For(7, 3), RandomStream.For(8, 1, 2),
        ];
        Assert.Equal(streams.Length, streams.Select(s => s.NextUniform(0)).Distinct().Count());
        Assert.Equal(streams[3], RandomStream.For(7, 1, 2));
    }

    [Fact]
    public void Neighbouring_keys_make_unrelated_streams()
    {
        var ids = new HashSet<ulong>();
        var flipped = 0.0;
        var pairs = 0;
        for (ulong problem = 0; problem < 64; problem++)
        {
            for (ulong member = 0; member < 64; member++)
            {
                var a = RandomStream.For(0, 1, problem, member).Stream;
                Assert.True(ids.Add(a));
                flipped += ulong.PopCount(a ^ RandomStream.For(0, 1, problem, member + 1).Stream);
                pairs++;
            }
        }

        Assert.InRange(flipped / pairs, 31.5, 32.5); // standard error 4 / √4096 = 0.06
    }

    [Fact]
    public void Uniform_numbers_fill_the_unit_interval_evenly()
    {
        const int draws = 100_000, bins = 100;
        var stream = RandomStream.For(3, 1);
        var counts = new int[bins];
        for (ulong i = 0; i < draws; i++)
        {
            var u = stream.NextUniform(i);
            Assert.InRange(u, 0, Math.BitDecrement(1.0));
            counts[(int)(u * bins)]++;
        }

        var chiSquare = counts.Sum(c => Math.Pow(c - (draws / bins), 2) / (draws / bins));
        Assert.InRange(chiSquare, 60, 149); // 99 degrees of freedom: both tails 0.1 %
    }
}

using RlPrimitives.Models;
using RlPrimitives.Models.Native;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

/// <summary>Managed loops on libtorch's own threads.</summary>
public class ComputeTeamTests
{
    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 2)]
    [InlineData(7, 1)]
    [InlineData(1000, 2)]
    [InlineData(1000, 4)]
    public void Every_index_comes_once_and_all_are_done_at_the_return(int count, int threads) => TensorThread.RunOnce(() =>
    {
        for (var round = 0; round < 50; round++)
        {
            var seen = new int[count];
            ComputeTeam.For(count, threads, i => Interlocked.Increment(ref seen[i]));
            Assert.All(seen, n => Assert.Equal(1, n));
        }

        return 0;
    });

    [Fact]
    public void Several_threads_take_part_where_the_runtime_is_found()
    {
        Assert.True(ComputeTeam.Exists || !OperatingSystem.IsLinux(), "libtorch's OpenMP runtime was not found among the loaded libraries.");
        var threads = TensorThread.RunOnce(() =>
        {
            var ids = new System.Collections.Concurrent.ConcurrentDictionary<int, bool>();
            ComputeTeam.For(64, 2, _ =>
            {
                ids[Environment.CurrentManagedThreadId] = true;
                Thread.Sleep(1);
            });
            return ids.Count;
        });
        Assert.Equal(ComputeTeam.Exists ? 2 : 1, threads);
    }

    [Fact]
    public void What_a_body_throws_arrives_at_the_caller_and_the_team_goes_on()
    {
        Assert.Equal("at 5", Assert.Throws<FormatException>(() => TensorThread.RunOnce(() =>
        {
            ComputeTeam.For(10, 2, i =>
            {
                if (i == 5)
                {
                    throw new FormatException("at 5");
                }
            });
            return 0;
        })).Message);
        Assert.Equal(45, TensorThread.RunOnce(() =>
        {
            var sum = 0;
            ComputeTeam.For(10, 2, i => Interlocked.Add(ref sum, i));
            return sum;
        }));
    }

    [Fact]
    public void Collections_of_garbage_and_native_work_between_do_no_harm()
    {
        var total = TensorThread.RunOnce(() =>
        {
            var sum = 0L;
            for (var round = 0; round < 200; round++)
            {
                using var scope = NewDisposeScope();
                using var product = ones(64, 64).mm(ones(64, 64));
                ComputeTeam.For(16, 2, i => Interlocked.Add(ref sum, new int[1000 + i].Length));
                if (round % 20 == 0)
                {
                    GC.Collect();
                }
            }

            return sum;
        });
        Assert.Equal(200L * ((16 * 1000) + 120), total);
    }
}

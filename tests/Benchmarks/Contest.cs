using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using RlPrimitives.Backprop;
using RlPrimitives.Inference;
using RlPrimitives.Models;

namespace Benchmarks;

/// <summary>One model on both sides: the same weights, the same work, in turns.</summary>
internal sealed class Contest : IDisposable
{
    private const double LearningRate = 1e-3;
    private const double MaxGradientNorm = 1;

    private readonly string name;
    private readonly string folder;
    private readonly Peer? peer;
    private readonly int rounds;
    private readonly CausalLM model;
    private readonly HuggingFaceBackend backend;
    private readonly BackpropModule backprop;

    public Contest((string Name, ModelConfig Config) family, string folder, Peer? peer, int rounds)
    {
        (name, this.folder, this.peer, this.rounds) = (family.Name, folder, peer, rounds);
        model = CausalLM.Create(family.Config, seed: 1);
        model.Save(folder);
        backend = new HuggingFaceBackend(model, new NoText());
        backprop = new BackpropModule(model, new BackpropConfig { LearningRate = LearningRate, MaxGradientNorm = MaxGradientNorm });
        Console.WriteLine($"{name}: {model.ParameterCount / 1e6:0.0} M parameters");
    }

    /// <summary>Greedy tokens and the first losses of training must agree: otherwise the sides do not do the same work.</summary>
    /// <exception cref="InvalidOperationException">They do not agree.</exception>
    public void CheckSameWork()
    {
        if (peer is null)
        {
            return;
        }

        const int tokens = 16;
        var workload = new Workload("greedy", [32, 20, 9, 32], [tokens, tokens, tokens, tokens]);
        var ours = Generate(workload, 0, SamplingOptions.Greedy).Ids;
        var theirs = PeerGenerate(workload, 0, sample: false)["ids"].Deserialize<int[][]>()!;
        for (var row = 0; row < ours.Length; row++)
        {
            if (!ours[row].SequenceEqual(theirs[row]))
            {
                throw new InvalidOperationException($"{name}: row {row} is [{string.Join(" ", ours[row])}] here and [{string.Join(" ", theirs[row])}] there.");
            }
        }

        var ourLosses = TrainingBatch.All.SelectMany(b => Enumerable.Range(0, 3).Select(_ => TrainingStep(b).Loss)).ToArray();
        var theirLosses = TrainingBatch.All.SelectMany(b => PeerTrain(b, steps: 3)["losses"].Deserialize<double[]>()!).ToArray();
        var difference = ourLosses.Zip(theirLosses, (a, b) => Math.Abs(a - b)).Max();
        if (!(difference <= 1e-4))
        {
            throw new InvalidOperationException($"{name}: the losses are {string.Join(", ", ourLosses)} here and {string.Join(", ", theirLosses)} there.");
        }

        Console.WriteLine($"{name}: {tokens} greedy tokens of {ours.Length} rows are equal; the losses of {ourLosses.Length} training steps agree to {difference:0.0e0}");
    }

    /// <summary>Tokens a second of sampling at temperature 1.</summary>
    public Outcome Generate(Workload workload) => Alternate(
        workload.Tokens,
        round => Generate(workload, round, new SamplingOptions()).Seconds,
        round => PeerGenerate(workload, round, sample: true)["seconds"]!.GetValue<double>());

    /// <summary>Tokens a second of training steps: forward, loss over all tokens, backward, clipping, AdamW.</summary>
    public Outcome Train(TrainingBatch batch) => Alternate(batch.Tokens, _ => TrainingStep(batch).Seconds, _ => PeerTrain(batch, steps: 1)["seconds"]!.GetValue<double>());

    public void Dispose()
    {
        backend.Dispose();
        backprop.Dispose();
        model.Dispose();
    }

    private Outcome Alternate(int tokens, Func<ulong, double> ours, Func<ulong, double> theirs)
    {
        var outcome = new Outcome([], []);
        for (var round = 0; round <= rounds; round++)
        {
            var rate = tokens / ours((ulong)round);
            var peerRate = peer is null ? double.NaN : tokens / theirs((ulong)round);
            if (round > 0) // the first is to warm up
            {
                outcome.Ours.Add(rate);
                outcome.Peer.Add(peerRate);
            }
        }

        return outcome;
    }

    private (double Seconds, int[][] Ids) Generate(Workload workload, ulong round, SamplingOptions sampling)
    {
        var requests = workload.Prompts(round).Select((ids, row) => new GenerationRequest(
            ids, sampling with { MaxNewTokens = workload.NewTokens[row], StopTokenIds = [] }, RandomStream.For(2, round, (ulong)row))).ToArray();
        var clock = Stopwatch.StartNew();
        var generations = backend.GenerateAsync(requests).GetAwaiter().GetResult();
        return (clock.Elapsed.TotalSeconds, generations.Select(g => g.TokenIds).ToArray());
    }

    private JsonNode PeerGenerate(Workload workload, ulong round, bool sample) => peer!.Ask("generate", new JsonObject
    {
        ["folder"] = folder, ["prompts"] = JsonSerializer.SerializeToNode(workload.Prompts(round)), ["new_tokens"] = workload.NewTokens.Max(), ["sample"] = sample,
    });

    private (double Seconds, double Loss) TrainingStep(TrainingBatch batch)
    {
        var rows = batch.Ids()
            .Select(ids => new TrainingRow(ids, Enumerable.Range(1, ids.Length - 1).ToArray(), new float[ids.Length - 1], new float[ids.Length - 1])).ToArray();
        var clock = Stopwatch.StartNew();
        var update = backprop.UpdateSupervisedAsync(rows).GetAwaiter().GetResult();
        return (clock.Elapsed.TotalSeconds, update.Loss);
    }

    private JsonNode PeerTrain(TrainingBatch batch, int steps) => peer!.Ask("train", new JsonObject
    {
        ["folder"] = folder, ["rows"] = JsonSerializer.SerializeToNode(batch.Ids()), ["learning_rate"] = LearningRate,
        ["max_norm"] = MaxGradientNorm, ["steps"] = steps,
    });
}

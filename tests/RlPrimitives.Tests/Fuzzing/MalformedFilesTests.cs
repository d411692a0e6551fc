using System.Text;
using RlPrimitives.Algorithms;
using RlPrimitives.Environments;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Algorithms;
using RlPrimitives.Tests.Models;
using RlPrimitives.Tests.Tracking;
using RlPrimitives.Tracking;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Fuzzing;

/// <summary>Files of strangers: each is read, or refused with its name.</summary>
public sealed class MalformedFilesTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Safetensors()
    {
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(folder.In("seed.safetensors"), [("first.weight", ones(3, 2)), ("second\u00e9", zeros(4, dtype: int64)), ("third", ones(5, dtype: bfloat16))]);
        Files("safetensors", "f.safetensors", [File.ReadAllBytes(folder.In("seed.safetensors"))], ["F32", "BF16", "dtype", "shape", "data_offsets", "__metadata__", "[0,8]"], path =>
        {
            using var file = SafetensorsFile.Open(path);
            foreach (var (name, entry) in file.Entries)
            {
                using var tensor = file.Read(name);
                Assert.Equal(entry.Length, tensor.numel() * tensor.element_size());
            }

            return string.Join(' ', file.Entries.Values.Select(e => $"{e.Type}{e.Shape.Length}"));
        });
    }

    [Fact]
    public void Shard_indices()
    {
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(folder.In("a.safetensors"), [("x", ones(2))]);
        SafetensorsFile.Write(folder.In("b.safetensors"), [("y", ones(2))]);
        var config = File.ReadAllBytes(Fixtures.Path("models/qwen2_tied/config.json"));
        folder.Write("config.json", config);
        Files("model.safetensors.index.json", ShardIndex.FileName, ["""{"metadata": {"total_size": 16}, "weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}"""u8.ToArray()],
            ["../a.safetensors", "/etc/passwd", "a.safetensors", "..", "weight_map", "c.safetensors", "\\a.safetensors"], path =>
            {
                using var model = ModelFolder.Open(folder.Path);
                Assert.All(model.TensorNames, name => Assert.Equal(folder.Path, Path.GetDirectoryName(model.FileOf(name))));
                return $"{model.TensorNames.Count}";
            }, place: folder.Path);
    }

    [Fact]
    public void Tokenizers()
    {
        TinyModels.Tokenizer.Save(folder.In("bytes"));
        var seed = File.ReadAllText(Path.Combine(folder.In("bytes"), "tokenizer.json"));
        var merged = seed.Replace("\"merges\":[]", "\"merges\":[\"a b\",\"b c\"]", StringComparison.Ordinal).Replace("\"vocab\":{", "\"vocab\":{\"ab\":258,\"bc\":259,", StringComparison.Ordinal);
        Files("tokenizer.json", "tokenizer.json", [Encoding.UTF8.GetBytes(seed), Encoding.UTF8.GetBytes(merged)],
            ["ByteLevel", "Split", "Sequence", "TemplateProcessing", "NFC", "BPE", "added_tokens", "special", "merges", "vocab", "pre_tokenizer", "post_processor", "lstrip", "Regex"], path =>
            {
                var tokenizer = HuggingFaceTokenizer.FromPretrained(folder.Path);
                var ids = tokenizer.Encode("ab \u00fc<|end|>\n12", addSpecialTokens: true);
                return $"{ids.Length} {tokenizer.Decode(ids).Length}";
            }, mostBytes: length => (8 << 20) + (4000L * length), part: 0.5);
    }

    [Fact]
    public void Tokenizer_configurations()
    {
        TinyModels.Tokenizer.Save(folder.Path);
        Files("tokenizer_config.json", "tokenizer_config.json",
            [File.ReadAllBytes(folder.In("tokenizer_config.json")), """{"eos_token": {"content": "<|end|>", "lstrip": false}, "chat_template": "{{ messages[0].content }}", "added_tokens_decoder": {"256": {"content": "<|end|>"}}}"""u8.ToArray()],
            ["eos_token", "bos_token", "chat_template", "add_bos_token", "content", "{% for"], _ =>
            {
                var tokenizer = HuggingFaceTokenizer.FromPretrained(folder.Path);
                return $"{tokenizer.EosTokenId} {tokenizer.Encode("a", addSpecialTokens: true).Length}";
            }, mostBytes: length => (8 << 20) + (4000L * length), part: 0.5);
    }

    [Fact]
    public void Model_configurations()
    {
        var seeds = new[] { "gpt2_tied", "llama3_rope", "mistral_swa", "qwen2_tied", "qwen3_tied" }.SelectMany(m => new[] { "config.json", "config.v5.json" }.Select(f => Fixtures.Path($"models/{m}/{f}")));
        Files("config.json", "config.json", [.. seeds.Select(File.ReadAllBytes)],
            ["gpt2", "llama", "rope_scaling", "rope_type", "linear", "yarn", "hidden_size", "num_attention_heads", "vocab_size", "eos_token_id", "silu", "gelu_new"], _ =>
            {
                var config = ModelConfigJson.Load(folder.Path);
                return $"{config.Family} {config.EosTokenIds.Skip(1).Any()} {config.TiedEmbeddings}";
            });
    }

    [Fact]
    public void Adapter_configurations()
    {
        using var model = CausalLM.FromPretrained(Fixtures.Path("models/qwen2_tied"));
        File.Copy(Fixtures.Path("lora/qwen2/adapter_model.safetensors"), folder.In("adapter_model.safetensors"));
        Files("adapter_config.json", "adapter_config.json", [File.ReadAllBytes(Fixtures.Path("lora/qwen2/adapter_config.json"))],
            ["r", "lora_alpha", "target_modules", "q_proj", "all-linear", "(.*)*$", "use_dora", "rank_pattern", "(a+)+b", "base_model_name_or_path", "../../x"], path =>
            {
                model.LoadLora(folder.Path);
                model.RemoveLora();
                return "read";
            }, mostBytes: length => (4 << 20) + (4000L * length), part: 0.3, place: folder.Path);
    }

    [Fact]
    public async Task Checkpoints()
    {
        using (var run = new CheckpointTests.Run("GRPO", folder.Path, []))
        {
            await run.Algorithm.TrainAsync(2);
        }

        var checkpoint = folder.In("step-000002");
        Files("manifest.json", "step-000002/manifest.json", [File.ReadAllBytes(Path.Combine(checkpoint, "manifest.json"))],
            ["../../x", "/etc/passwd", "state.json", "Bytes", "Sha256", "model/model.safetensors", "history.jsonl", ".", ""], _ =>
                CheckpointFiles.Damage(checkpoint) is { } damage ? throw new InvalidDataException($"{checkpoint}: {damage}") : "whole", place: checkpoint);
        Files("state.json", "step-000002/state.json", [File.ReadAllBytes(Path.Combine(checkpoint, "state.json"))], ["Schema", "Algorithm", "Rollouts", "Backprop", "Infinity", "NaN"], _ =>
            $"{CheckpointFiles.ReadState(checkpoint).Algorithm.Length}");
        Files("history.jsonl", "step-000002/history.jsonl", [File.ReadAllBytes(Path.Combine(checkpoint, "history.jsonl"))], ["Rewards", "Update", "NaN", "Objectives", "Alarms", "StopReasons"], _ =>
            $"{CheckpointFiles.ReadHistory(checkpoint).Count}", mostBytes: length => (1 << 20) + (4000L * length));
    }

    [Fact]
    public async Task Trajectories_of_rollouts()
    {
        using var inference = TinyModels.FreshModule();
        var environment = new SimpleTextEnvironment(inference, [new Problem("p", "2+2=", "4", new Dictionary<string, string> { ["k"] = "v" })], maxSteps: 2, sampling: new() { MaxNewTokens = 3 });
        var batch = await new RolloutManager(environment, new RolloutConfig { GroupSize = 2 }).CollectAsync(2);
        Trajectories.Save(folder.In("seed.jsonl"), batch.Trajectories);
        Files("trajectories", "t.jsonl", [File.ReadAllBytes(folder.In("seed.jsonl"))],
            ["schema", "prompt_ids", "token_ids", "log_probs", "-Infinity", "StopToken", "Terminated", "failed", "tool_calls", "temperature", "turns"], path =>
                $"{Trajectories.Load(path).Count}");
    }

    [Fact]
    public void Datasets_of_text()
    {
        Files("prompts .jsonl", "p.jsonl", ["{\"prompt\": \"a\", \"answer\": 4, \"id\": \"x\", \"more\": [1, {\"b\": null}]}\n\n{\"prompt\": \"\\u00fc\"}\n"u8.ToArray()], ["prompt", "answer", "id"], path =>
            $"{Prompts.Load(path).Count}");
        Files("prompts .csv", "p.csv", ["prompt,answer,level\n\"1,2\",3,a\n\"say \"\"x\"\"\ny\",,b\n"u8.ToArray()], ["prompt", "\"\"", ",", "\n", "\"", "answer"], path => $"{Prompts.Load(path).Count}");
        Files("prompts .tsv", "p.tsv", ["prompt\tanswer\n1\t2\n"u8.ToArray()], ["prompt", "\t", "\n", "\""], path => $"{Prompts.Load(path).Count}");
    }

    [Fact]
    public async Task Records_of_runs()
    {
        await Sample.PlayAsync(new JsonLinesTracker(folder.Path), steps: 2);
        foreach (var file in new[] { "steps.jsonl", "completions.jsonl" })
        {
            Files($"record of a run, {file}", file, [await File.ReadAllBytesAsync(folder.In(file))], ["schema", "kind", "step", "metrics", "reward/mean", "NaN", "completion", "advantage"], _ =>
            {
                var run = RecordedRun.Load(folder.Path); // damaged lines are named in it
                Assert.All(run.Damaged, damaged => Assert.Contains("line", damaged, StringComparison.Ordinal));
                return $"{run.Steps.Count} {run.Completions.Count} {run.Damaged.Count}";
            });
        }
    }

    private void Files(
        string name, string file, IReadOnlyList<byte[]> seeds, string[] words, Func<string, string> read, Func<int, long>? mostBytes = null, double part = 1, string? place = null)
    {
        var path = folder.In(file);
        var kept = File.Exists(path) ? File.ReadAllBytes(path) : null;
        output.WriteLine(Fuzzer.Run(name, seeds, words, bytes =>
        {
            File.WriteAllBytes(path, bytes);
            return read(path);
        }, e => e is InvalidDataException or NotSupportedException or FileNotFoundException && e.Message.Contains(place ?? path, StringComparison.Ordinal), mostBytes, part));
        if (kept is not null)
        {
            File.WriteAllBytes(path, kept);
        }
    }
}

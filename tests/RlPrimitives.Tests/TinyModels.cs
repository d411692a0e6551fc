using System.Text;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;
using static TorchSharp.torch;

namespace RlPrimitives.Tests;

/// <summary>Models small enough to be made anew for every test.</summary>
internal static class TinyModels
{
    /// <summary>One token a byte, end of sequence 256, padding 257.</summary>
    public static HuggingFaceTokenizer Tokenizer { get; } = HuggingFaceTokenizer.Bytes();

    /// <summary>A fresh Llama over bytes whose distributions are far from flat.</summary>
    public static CausalLM Fresh(long seed = 1, int context = 128, double spread = 0.25, int vocabulary = 258) => CausalLM.Create(
        new ModelConfig
        {
            Family = ModelFamily.Llama,
            VocabularySize = vocabulary,
            Width = 32,
            Layers = 2,
            Heads = 4,
            KeyValueHeads = 2,
            HeadDimension = 8,
            FeedForwardWidth = 64,
            ContextLength = context,
            EosTokenIds = [256],
            TiedEmbeddings = true,
            InitializerRange = spread,
        },
        seed);

    public static InferenceModule FreshModule(long seed = 1, int context = 128, int maxConcurrency = 128, double spread = 0.25) =>
        new(Fresh(seed, context, spread), Tokenizer, maxConcurrency);

    /// <summary>A model that says <paramref name="text"/> and ends, whatever a prompt of <paramref name="promptLength"/> tokens says.</summary>
    public static CausalLM Saying(string text, int promptLength = 1, int room = 8) =>
        Saying([.. Encoding.UTF8.GetBytes(text).Select(b => (int)b), 256], promptLength, room);

    /// <summary>A GPT-2 without attention or feed-forward whose position embeddings point at the token to say next.</summary>
    public static CausalLM Saying(int[] ids, int promptLength = 1, int room = 8)
    {
        var width = promptLength + ids.Length + room;
        var model = CausalLM.Create(
            new ModelConfig
            {
                Family = ModelFamily.Gpt2,
                VocabularySize = 258,
                Width = width,
                Layers = 1,
                Heads = 1,
                KeyValueHeads = 1,
                HeadDimension = width,
                FeedForwardWidth = 4,
                ContextLength = width,
                EosTokenIds = [256],
                QueryKeyValueBias = true, // what every GPT-2 has: the model can be saved
                AttentionOutputBias = true,
                FeedForwardBias = true,
            },
            seed: 1);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var (name, parameter) in model.Parameters)
        {
            if (name == "transformer.wpe.weight")
            {
                parameter.copy_(eye(width));
            }
            else if (name == "lm_head.weight")
            {
                var head = new float[258 * width];
                for (var i = 0; i < ids.Length; i++)
                {
                    head[(ids[i] * width) + promptLength - 1 + i] = 10;
                }

                parameter.copy_(tensor(head, [258, width]));
            }
            else if (!name.Contains("ln_", StringComparison.Ordinal))
            {
                parameter.fill_(0);
            }
        }

        model.MarkChanged();
        return model;
    }

    /// <summary>Fails instead of waiting for ever: no test depends on how long anything takes.</summary>
    public static Task<T> Ends<T>(this Task<T> task) => task.WaitAsync(TimeSpan.FromSeconds(30));

    /// <inheritdoc cref="Ends{T}"/>
    public static Task Ends(this Task task) => task.WaitAsync(TimeSpan.FromSeconds(30));
}
